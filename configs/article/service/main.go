// SPDX-License-Identifier: MIT

// A small real service, to see which of the article's figures a Go program still has: what a request
// took is given back by defer, at its last use, or into a pool.
//
//	go run . -listen 127.0.0.1:9001 -cleanup deferred
//
// /orders takes a lock that all requests share, works under it, and has something to note down behind
// that; /panic panics. A response as short as these leaves net/http's buffer when the handler has
// returned: what is deferred in a handler stands between the client and its response.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

type options struct {
	listen  string
	cleanup string
	block   int
	live    int
	audit   time.Duration
	collect bool
}

func readOptions() options {
	var o options
	flag.StringVar(&o.listen, "listen", "127.0.0.1:9001", "the `address` to listen on")
	flag.StringVar(&o.cleanup, "cleanup", "explicit", "deferred, explicit or pooled")
	flag.IntVar(&o.block, "block", 16<<10, "`bytes` that a request allocates, and works on under the lock")
	flag.IntVar(&o.live, "live", 4<<20, "`bytes` that stay alive")
	flag.DurationVar(&o.audit, "audit", 0, "what a request does behind its work, and needs no lock for")
	flag.BoolVar(&o.collect, "collect", false, "call the collector in every request, as the article's demonstration does")
	flag.Parse()
	return o
}

// recovered logs a panic of a handler and answers 500: the service goes on.
func recovered(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if reason := recover(); reason != nil {
				log.Printf("panic in %s: %v", r.URL.Path, reason)
				http.Error(w, "panic", http.StatusInternalServerError)
			}
		}()
		next(w, r)
	}
}

func newHandler(s *shop, collect bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/orders", recovered(func(w http.ResponseWriter, r *http.Request) {
		var took spent
		sum := s.order(&took)
		if collect {
			runtime.GC()
		}
		w.Header().Set("Server-Timing", took.String())
		fmt.Fprintf(w, "%x\n", sum)
	}))
	mux.HandleFunc("/panic", recovered(func(http.ResponseWriter, *http.Request) {
		panic("asked for")
	}))
	return mux
}

// serve returns when it was told to end and every request is answered, or when it cannot go on.
func serve(o options, handler http.Handler) error {
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	asked, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	log.Printf("ready at %s, cleanup %s", listener.Addr(), o.cleanup)
	select {
	case err := <-ended:
		return err
	case <-asked.Done():
	}
	patience, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(patience); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

func main() {
	o := readOptions()
	cleanup, err := parseStrategy(o.cleanup)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	live := make([]byte, o.live)
	err = serve(o, newHandler(newShop(cleanup, o.block, o.audit), o.collect))
	runtime.KeepAlive(live)
	if err != nil {
		log.Fatal(err)
	}
}
