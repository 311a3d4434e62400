// SPDX-License-Identifier: MIT

package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// ---- what the article says of defer itself

func countDown(n int, seen *[]int) {
	for i := 0; i < n; i++ {
		defer func(at int) { *seen = append(*seen, at) }(i)
	}
}

func TestReleasesRunLastInFirstOut(t *testing.T) {
	var seen []int
	countDown(3, &seen)
	if !reflect.DeepEqual(seen, []int{2, 1, 0}) {
		t.Errorf("they ran in the order %v", seen)
	}
}

// The article has it print 3, 3, 3.
func printInLoop(out *strings.Builder) {
	for i := 0; i < 3; i++ {
		defer fmt.Fprint(out, i, " ")
	}
}

func TestArgumentsAreThoseOfTheRegistration(t *testing.T) {
	var out strings.Builder
	printInLoop(&out)
	if out.String() != "2 1 0 " {
		t.Errorf("it printed %q", out.String())
	}
}

func openNow(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("there is no /proc")
	}
	return len(entries)
}

func openAll(t *testing.T, n int) int {
	before := openNow(t)
	for i := 0; i < n; i++ {
		file, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
	}
	return openNow(t) - before
}

func openEach(t *testing.T, n int) int {
	before, most := openNow(t), 0
	for i := 0; i < n; i++ {
		func() {
			file, err := os.Open(os.DevNull)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			if open := openNow(t) - before; open > most {
				most = open
			}
		}()
	}
	return most
}

func TestLoopThatDefersKeepsEveryDescriptor(t *testing.T) {
	if kept := openAll(t, 100); kept != 100 {
		t.Errorf("%d of 100 were open at the end", kept)
	}
	if kept := openEach(t, 100); kept != 1 {
		t.Errorf("with a scope for each turn, %d were open at once", kept)
	}
}

// The postmortem's explanation: the deferred close came before the write.
func TestDeferredCloseComesBehindTheWrite(t *testing.T) {
	client, server := net.Pipe()
	go func() {
		defer server.Close()
		fmt.Fprint(server, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	}()
	response, err := http.ReadResponse(bufio.NewReader(client), nil)
	if err != nil || response.StatusCode != 200 {
		t.Fatalf("the response did not arrive: %v", err)
	}
}

// ---- the service

func get(t *testing.T, url string) *http.Response {
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response
}

func TestRecoveredPanicAndTheServiceGoesOn(t *testing.T) {
	server := httptest.NewServer(newHandler(newShop(explicit, 1024, 0), false))
	defer server.Close()
	if status := get(t, server.URL+"/panic").StatusCode; status != 500 {
		t.Errorf("a panic is answered with %d", status)
	}
	if status := get(t, server.URL+"/orders").StatusCode; status != 200 {
		t.Errorf("after a panic an order is answered with %d", status)
	}
}

func TestEveryStrategyGivesTheLockBack(t *testing.T) {
	for _, cleanup := range []strategy{deferred, explicit, pooled} {
		server := httptest.NewServer(newHandler(newShop(cleanup, 1024, 0), false))
		for i := 0; i < 3; i++ {
			response := get(t, server.URL+"/orders")
			if timing := response.Header.Get("Server-Timing"); !strings.Contains(timing, "cleanup;dur=") {
				t.Errorf("%s: Server-Timing is %q", cleanup, timing)
			}
		}
		server.Close()
	}
}

func TestOtherStrategiesAreRefused(t *testing.T) {
	if _, err := parseStrategy("inline"); err == nil {
		t.Error("inline is taken")
	}
}

// ---- figures

type counter struct {
	lock sync.Mutex
	n    int
}

//go:noinline
func (c *counter) addDeferred() {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.n++
}

//go:noinline
func (c *counter) addExplicit() {
	c.lock.Lock()
	c.n++
	c.lock.Unlock()
}

func BenchmarkLock(b *testing.B) {
	var c counter
	b.Run("deferred", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			c.addDeferred()
		}
	})
	b.Run("explicit", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			c.addExplicit()
		}
	})
}

//go:noinline
func closeDeferred() {
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
}

//go:noinline
func closeExplicit() {
	client, server := net.Pipe()
	server.Close()
	client.Close()
}

func BenchmarkClose(b *testing.B) {
	b.Run("deferred", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; i < b.N; i++ {
			closeDeferred()
		}
	})
	b.Run("explicit", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; i < b.N; i++ {
			closeExplicit()
		}
	})
}

// What is to do behind that which needs the lock.
//
//go:noinline
func tail() (sum int) {
	for i := 0; i < 100; i++ {
		sum += i
	}
	return sum
}

//go:noinline
func (c *counter) addDeferredAndGoOn() int {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.n++
	return tail()
}

//go:noinline
func (c *counter) addExplicitAndGoOn() int {
	c.lock.Lock()
	c.n++
	c.lock.Unlock()
	return tail()
}

func benchmarkAtOnce(b *testing.B, deferredTurn, explicitTurn func(*counter)) {
	ways := []struct {
		name strategy
		turn func(*counter)
	}{{deferred, deferredTurn}, {explicit, explicitTurn}}
	for _, goroutines := range []int{1000, 5000} {
		for _, way := range ways {
			b.Run(fmt.Sprintf("%d/%s", goroutines, way.name), func(b *testing.B) {
				var c counter
				b.SetParallelism(goroutines / runtime.GOMAXPROCS(0))
				b.RunParallel(func(turns *testing.PB) {
					for turns.Next() {
						way.turn(&c)
					}
				})
			})
		}
	}
}

// So many goroutines at one lock, which both hold for as long.
func BenchmarkAtOnce(b *testing.B) {
	benchmarkAtOnce(b, (*counter).addDeferred, (*counter).addExplicit)
}

// The same with something to do behind it: deferred, the lock is held for that, too.
func BenchmarkAtOnceAndGoOn(b *testing.B) {
	benchmarkAtOnce(b, func(c *counter) { c.addDeferredAndGoOn() }, func(c *counter) { c.addExplicitAndGoOn() })
}

func benchmarkOrders(b *testing.B, s *shop, collect bool) {
	live := make([]byte, 4<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begun := time.Now()
	var took spent
	for i := 0; i < b.N; i++ {
		s.order(&took)
		if collect {
			runtime.GC()
		}
	}
	seconds := time.Since(begun).Seconds()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.NumGC-before.NumGC)/float64(b.N)*1e6, "collections/Mop")
	b.ReportMetric(float64(after.NumGC-before.NumGC)/seconds, "collections/s")
	runtime.KeepAlive(live)
}

func BenchmarkOrder(b *testing.B) {
	for _, cleanup := range []strategy{deferred, explicit, pooled} {
		b.Run(string(cleanup), func(b *testing.B) {
			benchmarkOrders(b, newShop(cleanup, 4<<10, 0), false)
		})
	}
}

// The article's demonstration of deferred cleanup calls the collector in every request: with and
// without that, and with either way of cleaning up.
func BenchmarkCollect(b *testing.B) {
	for _, cleanup := range []strategy{deferred, explicit} {
		b.Run(string(cleanup), func(b *testing.B) {
			benchmarkOrders(b, newShop(cleanup, 4<<10, 0), true)
		})
	}
}
