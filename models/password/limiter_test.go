package password

import (
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"
)

func TestTheLimiterRefusesWhatItCannotCheckInGoodTime(t *testing.T) {
	t.Parallel()
	l := NewLimiter()
	l.Capacity = 2
	hold, entered := make(chan struct{}), make(chan struct{}, 1000)
	var wg sync.WaitGroup
	cores := 0
	for l.permits.TryAcquire(1) { // everybody is at work
		cores++
	}
	for range l.Capacity {
		wg.Go(func() {
			if err := l.Run(t.Context(), func() error { entered <- struct{}{}; <-hold; return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	for l.waiting.Load() < l.Capacity {
		time.Sleep(time.Millisecond)
	}
	var busy *BusyError
	if err := l.Run(t.Context(), func() error { return nil }); !errors.As(err, &busy) || busy.After <= 0 {
		t.Errorf("with a full queue: %v", err)
	}
	if most := NewLimiter().Capacity; most != 128*int64(runtime.GOMAXPROCS(0)) {
		t.Errorf("%d may wait", most)
	}
	l.permits.Release(int64(cores))
	<-entered
	close(hold)
	wg.Wait()
	check(t, l.Run(t.Context(), func() error { return nil }))
}
