/* SPDX-License-Identifier: MIT */
/* What the parts of a running backend share: one loop, on one thread, as the program it stands for
 * has one. */
#ifndef TAILGATE_BACKEND_SERVICE_H
#define TAILGATE_BACKEND_SERVICE_H

#include "backend/config.h"
#include "backend/counts.h"
#include "backend/heap.h"
#include "backend/pause.h"
#include "backend/resource.h"
#include "backend/trouble.h"
#include "lib/base/buf.h"
#include "lib/base/list.h"
#include "lib/record/store.h"
#include "lib/serve/control.h"

struct service {
    struct backend_config config;
    struct arena arena; /* the configuration's texts and lists */
    struct log log;
    struct loop loop;
    struct serve *serve;
    struct control control;
    struct signal_watch terminate, interrupt;
    struct record_store *store;
    struct record_writer *writer; /* NULL: nothing is recorded */
    const char **names;           /* of the records: the process's, the pauses', then the faults' */
    struct heap heap;
    struct cleanup_shared cleanup;
    struct resource *resources; /* as in config.resources */
    struct slab slab;           /* of requests */
    struct list requests;       /* all there are */
    struct list ready;          /* those that can go on */
    struct soon run_ready;
    struct pause_clock pauses;
    struct troubles troubles;
    duration stopped; /* how long the process has stood still in all */
    struct timer failure_log;
    struct timer drain_check;
    mono drain_until; /* not set: not draining */
    struct counts counts;
    struct buf fields;    /* field lines of the response being made */
    char draws[128];      /* what the random streams of requests are named */
    enum exit_status end; /* of the process */
};

/* Names in records. */
enum { SERVICE_NAME_PROCESS, SERVICE_NAME_PAUSES };

/* The name of the n-th of config.faults, in records. */
uint16_t service_fault_name(const struct service *service, size_t index);

/* What was done to the process as a whole. */
struct service_fault {
    uint16_t name;
    enum fault_kind kind;
    struct occurrence occurrence;
    mono started, ended;
};

void service_record_fault(struct service *service, const struct service_fault *fault);

/* Runs a collection, and accounts for it. */
void service_collect(struct service *service);

/* The process stood still from `started` to `ended`: adds it to the time that requests in flight
 * were stopped, and records it. `name` indexes the records' names. */
void service_stood_still(struct service *service, const struct pause_record *pause);

/* Opens everything; on failure what was opened is closed again. `service` is zeroed but for config
 * and arena. */
enum result service_open(struct service *service, int control_fd, struct error *error) MUST_USE;

/* Runs until a signal, or the end of the laboratory, stops it; then closes everything. */
void service_run(struct service *service);
void service_close(struct service *service);

#endif
