# SPDX-License-Identifier: MIT
"""How the gateway looks after itself as a process."""

import resource


def test_limit_of_open_files_is_raised(gateway, upstream):
    """The one who starts it has lowered the soft limit; the hard limit is what counts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
    try:
        proxy = gateway(upstream())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    assert f"at most {hard} open files" in proxy.process.log()
