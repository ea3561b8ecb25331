// SPDX-License-Identifier: Apache-2.0
// C called by Go, and Go called back by that C: each crosses from one stack to the other.
package main

/*
#include <stdint.h>

extern uint64_t calledBack(uint64_t turns);

static __attribute__((noinline, noclone)) uint64_t work_much(uint64_t turns) {
  uint64_t x = 1;
  for (uint64_t i = 0; i < turns; i++) {
    x = x * 6364136223846793005u + 1;
    __asm__ volatile("" : "+r"(x));
  }
  return x;
}

static __attribute__((noinline, unused)) uint64_t in_c(uint64_t turns) {
  return work_much(2 * turns) + calledBack(turns) + 1;
}
*/
import "C"

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
func workSome(turns uint64) uint64 {
	x := uint64(2)
	for i := uint64(0); i < turns; i++ {
		x = x*6364136223846793005 + 1
	}
	return x
}

//export calledBack
func calledBack(turns C.uint64_t) C.uint64_t { return C.uint64_t(workSome(uint64(turns))) }

func main() {
	fmt.Println("ready")
	for sum := C.uint64_t(0); ; {
		sum += C.in_c(C.uint64_t(units(30))) + C.uint64_t(workSome(units(10)))
	}
}
