// SPDX-License-Identifier: MIT

package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"sync"
	"time"
)

// How what a request took is given back.
type strategy string

const (
	deferred strategy = "deferred" // by defer, when the function returns
	explicit strategy = "explicit" // each at its last use
	pooled   strategy = "pooled"   // as explicit, with blocks out of a pool
)

func parseStrategy(text string) (strategy, error) {
	switch s := strategy(text); s {
	case deferred, explicit, pooled:
		return s, nil
	}
	return "", fmt.Errorf("%q is no way of cleaning up (expected deferred, explicit or pooled)", text)
}

// What a request's time went into, in the words of the Server-Timing field.
type spent struct {
	queue, lock, work, cleanup time.Duration
}

func (s spent) String() string {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return fmt.Sprintf("queue;dur=%.3f, lock;dur=%.3f, work;dur=%.3f, cleanup;dur=%.3f",
		ms(s.queue), ms(s.lock), ms(s.work), ms(s.cleanup))
}

// What all requests share: a lock that they really wait for, and a pool of blocks.
type shop struct {
	cleanup strategy
	block   int           // bytes that a request allocates, and works on
	audit   time.Duration // what is to be noted down, and needs no lock
	stock   sync.Mutex
	sold    uint64
	blocks  sync.Pool
}

func newShop(cleanup strategy, block int, audit time.Duration) *shop {
	s := &shop{cleanup: cleanup, block: block, audit: audit}
	s.blocks.New = func() any { b := make([]byte, block); return &b }
	return s
}

// The work under the lock is real, and as long as the block is.
func (s *shop) sell(block []byte) [sha256.Size]byte {
	s.sold++
	block[0] = byte(s.sold)
	return sha256.Sum256(block)
}

func (s *shop) note() {
	if s.audit > 0 {
		time.Sleep(s.audit)
	}
}

// order is one request. What is deferred in it is over when it has returned.
func (s *shop) order(took *spent) [sha256.Size]byte {
	switch s.cleanup {
	case deferred:
		return s.orderDeferred(took)
	case pooled:
		return s.orderPooled(took)
	}
	return s.orderExplicit(took)
}

func (s *shop) orderDeferred(took *spent) (sum [sha256.Size]byte) {
	begun := time.Now()
	file, err := os.Open(os.DevNull)
	if err == nil {
		defer file.Close()
	}
	block := make([]byte, s.block)
	asked := time.Now()
	s.stock.Lock()
	held := time.Now()
	var done time.Time
	// Last in, first out: this is the first to run behind the function's last line.
	defer func() {
		s.stock.Unlock()
		took.cleanup = time.Since(done)
	}()
	sum = s.sell(block)
	s.note()
	done = time.Now()
	took.work, took.queue, took.lock = asked.Sub(begun), held.Sub(asked), done.Sub(held)
	return sum
}

func (s *shop) orderExplicit(took *spent) [sha256.Size]byte {
	return s.orderWith(make([]byte, s.block), took)
}

func (s *shop) orderPooled(took *spent) [sha256.Size]byte {
	block := s.blocks.Get().(*[]byte)
	sum := s.orderWith(*block, took)
	s.blocks.Put(block)
	return sum
}

func (s *shop) orderWith(block []byte, took *spent) [sha256.Size]byte {
	begun := time.Now()
	file, err := os.Open(os.DevNull)
	asked := time.Now()
	s.stock.Lock()
	held := time.Now()
	sum := s.sell(block)
	worked := time.Now()
	s.stock.Unlock()
	if err == nil {
		file.Close()
	}
	released := time.Now()
	s.note()
	took.queue, took.lock, took.cleanup = held.Sub(asked), worked.Sub(held), released.Sub(worked)
	took.work = asked.Sub(begun) + time.Since(released)
	return sum
}
