/* SPDX-License-Identifier: MIT */
/* A new configuration for the running gateway: read and checked whole before anything changes, then
 * taken over by one worker after the other. For the main thread. */
#ifndef TAILGATE_PROXY_PROCESS_RELOAD_H
#define TAILGATE_PROXY_PROCESS_RELOAD_H

#include "proxy/process/proxy.h"

/* Reads the file again. What is wrong with it is logged, and everything stays as it is. While
 * workers still take the last one over, it is read once they have. Names that are new in it are
 * looked up before it is handed out. */
void reload_begin(struct proxy *proxy);

/* The directory has looked up the names of the configuration that is on its way. */
void reload_settled(struct proxy *proxy);

/* A name was answered; when that changes what it stands for, the endpoints change as with a file of
 * endpoints. */
void reload_answered(struct proxy *proxy, bool changed);

/* Begins to look at the files of endpoints, when there are any; what changes is taken over as by a
 * reload, but without a look at the configuration's own file. */
void reload_watch(struct proxy *proxy);

/* A worker has taken the latest generation over, or let go of an old one. */
void reload_look(struct proxy *proxy);

#endif
