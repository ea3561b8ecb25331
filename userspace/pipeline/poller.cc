// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/poller.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "userspace/base/clock.h"
#include "userspace/base/log.h"

namespace sonde {
namespace {

// Records between two looks at questions and the clock.
constexpr size_t kBatch = 65536;
// How long a question or a task waits for the poller before it must do without its answer.
constexpr std::chrono::seconds kPatience{5};
constexpr uint64_t kMs = 1'000'000;
// A sweep walks all connections, where the kernel knows no better way all descriptors of the host:
// it rests so many times as long as it took.
constexpr uint64_t kSweepRest = 100;

uint64_t next_after(uint64_t began_ns, uint64_t interval_ms) {
  const uint64_t now = monotonic_ns();
  return now + std::max(interval_ms * kMs, (now - began_ns) * kSweepRest);
}

}  // namespace

Poller::Poller(KernelSide& kernel, Pipeline& pipeline, const PollerOptions& options, Tap tap,
               Extra extra)
    : kernel_(kernel),
      pipeline_(pipeline),
      options_(options),
      tap_(std::move(tap)),
      extra_(std::move(extra)),
      start_ns_(monotonic_ns()),
      last_(std::make_shared<MetricSnapshot>()) {}

Poller::~Poller() { stop(); }

Result<> Poller::start() {
  epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
  wake_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (auto started = kernel_.start(*this); !started) {
    return started;
  }
  for (const int fd : {wake_.get(), kernel_.poll_fd()}) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
      return fail_errno("wait for the ring buffer", errno);
    }
  }
  thread_ = std::thread([this] { run(); });
  return {};
}

void Poller::stop() {
  if (thread_.joinable()) {
    stop_ = true;
    eventfd_write(wake_.get(), 1);
    thread_.join();
  }
}

void Poller::record(std::span<const uint8_t> bytes) {
  records_read_++;
  if (tap_) {
    tap_(bytes);
  }
  pipeline_.record(bytes);
}

void Poller::run() {
  while (!stop_) {
    const size_t count = kernel_.drain(kBatch);
    const bool ends = kernel_.has_waiting_ends();
    if (ends) {
      kernel_.tell_waiting_ends(*this);
    }
    if (count > 0 || ends) {
      pipeline_.flush();
    }
    sweep();
    do_chores(count > 0);
    do_tasks();
    answer();
    if (count < kBatch) {
      sleep(count > 0);
    }
  }
  end();
}

// Without the hooks the ring is emptied at some time, however busy the host.
void Poller::end() {
  kernel_.stop();
  kernel_.drain(SIZE_MAX);
  kernel_.tell_waiting_ends(*this);  // those that were held back
  kernel_.tell_waiting_ends(*this);  // those that came meanwhile
  pipeline_.flush();
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  // Nobody adds to them any more.
  do_tasks();
  answer();
}

void Poller::sweep() {
  const bool wanted = pipeline_.wants_sweep();
  const bool unix_wanted = kernel_.has_unix_connections();
  if (!wanted && !unix_wanted) {
    return;
  }
  const uint64_t now = monotonic_ns();
  const bool due = wanted && now >= next_sweep_ns_;
  const bool unix_due = unix_wanted && (due || now >= next_unix_sweep_ns_);
  Result<> swept;
  if (due) {
    swept = kernel_.sweep(*this);
    next_sweep_ns_ = next_after(now, options_.sweep_interval_ms);
  }
  if (unix_due && swept) {
    const uint64_t began = monotonic_ns();
    swept = kernel_.sweep_unix(*this);
    next_unix_sweep_ns_ = next_after(began, options_.unix_sweep_interval_ms);
  }
  static log::Every every(60'000 * kMs);
  if (!swept && every.due()) {
    log::warn("the sweep failed, ends of some answers come late: {}", swept.error().what);
  }
  if (due || unix_due) {
    pipeline_.flush();
  }
}

void Poller::add_chore(uint32_t interval_ms, Chore chore) {
  chores_.push_back({.chore = std::move(chore), .interval_ns = interval_ms * kMs});
}

void Poller::do_chores(bool busy) {
  for (Due& due : chores_) {
    if (!busy && due.next_ns == 0) {
      continue;
    }
    const uint64_t now = monotonic_ns();
    if (due.next_ns == 0) {
      due.next_ns = now + due.interval_ns;
    } else if (now >= due.next_ns) {
      due.next_ns = 0;
      due.chore();
    }
  }
}

void Poller::sleep(bool busy) {
  int timeout_ms = -1;
  if (busy) {
    kernel_.set_reader_state(SONDE_READER_NAPPING);
    timeout_ms = static_cast<int>(options_.batch_interval_ms);
  } else {
    kernel_.set_reader_state(SONDE_READER_IDLE);
    // A record may have come between the last look and this promise to be woken.
    if (kernel_.drain(kBatch) > 0) {
      kernel_.set_reader_state(SONDE_READER_AWAKE);
      pipeline_.flush();
      return;
    }
    if (pipeline_.wants_sweep()) {
      timeout_ms = static_cast<int>(options_.sweep_interval_ms);
    } else if (kernel_.has_unix_connections()) {
      timeout_ms = static_cast<int>(options_.unix_sweep_interval_ms);
    }
    const uint64_t now = monotonic_ns();
    for (const Due& due : chores_) {
      if (due.next_ns != 0) {
        const int chore_ms =
            due.next_ns > now ? static_cast<int>((due.next_ns - now) / kMs) + 1 : 0;
        timeout_ms = timeout_ms < 0 ? chore_ms : std::min(timeout_ms, chore_ms);
      }
    }
  }
  epoll_event events[2];
  const int ready = epoll_wait(epoll_.get(), events, 2, timeout_ms);
  kernel_.set_reader_state(SONDE_READER_AWAKE);
  for (int i = 0; i < ready; i++) {
    if (events[i].data.fd == wake_.get()) {
      eventfd_t ignored = 0;
      eventfd_read(wake_.get(), &ignored);
    }
  }
}

bool Poller::do_between_batches(std::function<void()> task) {
  std::future<void> done;
  {
    const std::lock_guard lock(mutex_);
    if (ended_) {
      return false;
    }
    done = tasks_.emplace_back(std::move(task)).get_future();
  }
  eventfd_write(wake_.get(), 1);
  return done.wait_for(kPatience) == std::future_status::ready;
}

void Poller::do_tasks() {
  std::vector<std::packaged_task<void()>> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  for (auto& task : tasks) {
    task();
  }
}

void Poller::answer() {
  std::vector<std::promise<std::shared_ptr<const MetricSnapshot>>> questions;
  {
    const std::lock_guard lock(mutex_);
    questions.swap(questions_);
  }
  if (questions.empty()) {
    return;
  }
  // The question may have woken us before we saw what was already in the ring.
  kernel_.drain(kBatch);
  pipeline_.flush();
  PipelineSnapshot pipeline;
  pipeline_.clock().follow(wall_ns(), monotonic_ns());
  pipeline_.snapshot(pipeline, monotonic_ns());
  auto snapshot = std::make_shared<MetricSnapshot>();
  snapshot->wall_ns = wall_ns();
  snapshot->start_wall_ns = pipeline_.clock().wall_ns(start_ns_);
  snapshot->families = std::move(pipeline.families);
  if (extra_) {
    extra_(pipeline, records_read_, snapshot->families);
  }
  for (auto& question : questions) {
    question.set_value(snapshot);
  }
  const std::lock_guard lock(mutex_);
  last_ = std::move(snapshot);
}

std::shared_ptr<const MetricSnapshot> Poller::collect() {
  std::future<std::shared_ptr<const MetricSnapshot>> reply;
  {
    const std::lock_guard lock(mutex_);
    if (ended_) {
      return last_;
    }
    reply = questions_.emplace_back().get_future();
  }
  eventfd_write(wake_.get(), 1);
  if (reply.wait_for(kPatience) == std::future_status::ready) {
    return reply.get();
  }
  const std::lock_guard lock(mutex_);
  return last_;
}

}  // namespace sonde
