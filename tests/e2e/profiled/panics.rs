// SPDX-License-Identifier: Apache-2.0
// Panics and is caught for as much CPU time as it works otherwise, behind a box, a closure and an iterator.
use std::arch::asm;
use std::panic;

const TURN_US: i64 = 2000;

#[repr(C)]
struct Time {
    seconds: i64,
    nanoseconds: i64,
}

extern "C" {
    fn clock_gettime(clock: i32, time: *mut Time) -> i32;
}

// CPU time of this thread.
fn used_us() -> i64 {
    let mut time = Time { seconds: 0, nanoseconds: 0 };
    unsafe { clock_gettime(3, &mut time) };
    time.seconds * 1_000_000 + time.nanoseconds / 1000
}

// The compiler cannot know what comes out.
fn unknown(mut number: u64) -> u64 {
    unsafe { asm!("/* {0} */", inout(reg) number) };
    number
}

#[inline(never)]
fn work_some(turns: u64) -> u64 {
    (0..turns).fold(1, |x: u64, _| unknown(x.wrapping_mul(6364136223846793005).wrapping_add(1)))
}

struct Noted(u64);

impl Drop for Noted {
    fn drop(&mut self) {
        unknown(self.0);
    }
}

#[inline(never)]
fn panicking(left: u64) -> u64 {
    let noted = Noted(left);
    if left == 0 {
        panic!("{} too many", left);
    }
    unknown(panicking(left - 1)) + noted.0
}

#[inline(never)]
fn throwing() {
    let end = used_us() + TURN_US;
    while used_us() < end {
        let _ = panic::catch_unwind(|| unknown(panicking(20)));
    }
}

#[inline(never)]
fn working(what: &dyn Fn() -> u64) {
    let end = used_us() + TURN_US;
    while used_us() < end {
        unknown((0..3).map(|_| what()).sum::<u64>());
    }
}

fn main() {
    panic::set_hook(Box::new(|_| {}));
    println!("ready");
    let turns = unknown(20_000);
    let what: Box<dyn Fn() -> u64> = Box::new(move || work_some(turns));
    loop {
        throwing();
        working(&*what);
    }
}
