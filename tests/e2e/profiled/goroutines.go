// SPDX-License-Identifier: Apache-2.0
// Goroutines that hand one another their turn by channels; leaves, closures, a deferred call, an interface.
package main

import "fmt"

const unit = 20000

var state uint64 = 1

// So many units, more or less by half.
func units(count uint64) uint64 {
	state = state*6364136223846793005 + 1442695040888963407
	most := count * unit
	return most/2 + (state>>33)%most
}

//go:noinline
func workMuch(turns uint64) uint64 {
	x := uint64(1)
	for i := uint64(0); i < turns; i++ {
		x = x*6364136223846793005 + 1
	}
	return x
}

//go:noinline
func workSome(turns uint64) uint64 {
	x := uint64(2)
	for i := uint64(0); i < turns; i++ {
		x = x*6364136223846793005 + 1
	}
	return x
}

//go:noinline
func workLittle(turns uint64) uint64 {
	x := uint64(3)
	for i := uint64(0); i < turns; i++ {
		x = x*6364136223846793005 + 1
	}
	return x
}

type worker interface{ work() uint64 }
type much struct{ room [300]uint64 }

func (m *much) work() uint64 {
	m.room[0] = workMuch(units(60))
	return m.room[0]
}

//go:noinline
func deferred() (sum uint64) {
	defer func() { sum += workSome(units(30)) }()
	return 1
}

func main() {
	first, second, third := make(chan uint64), make(chan uint64), make(chan uint64)
	go func() {
		var w worker = &much{}
		for n := range first {
			second <- n + w.work()
		}
	}()
	go func() {
		for n := range second {
			third <- n + deferred()
		}
	}()
	fmt.Println("ready")
	for n := uint64(0); ; n += <-third + workLittle(units(10)) {
		first <- n
	}
}
