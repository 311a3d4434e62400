/* SPDX-License-Identifier: MIT */
/* Where records are. */
#ifndef TAILGATE_LIB_RECORD_FOLDER_H
#define TAILGATE_LIB_RECORD_FOLDER_H

#include <stdbool.h>

#include "lib/base/buf.h"

/* Looks for a folder with records: `folder` itself, or else the first below it by name, as deep as
 * a run has them. Its path, ended by a zero byte, is put into `found`; false: there is none, or it
 * cannot be read. */
bool record_folder_find(const char *folder, struct buf *found);

/* Whether a file of that name holds records. */
bool record_is_segment_name(const char *name);

#endif
