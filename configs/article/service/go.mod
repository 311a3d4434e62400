// SPDX-License-Identifier: MIT

module service

go 1.19
