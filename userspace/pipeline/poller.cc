// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/poller.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "userspace/base/clock.h"
#include "userspace/base/log.h"

namespace sonde {
namespace {

// Records between two looks at questions and the clock.
constexpr size_t kBatch = 65536;
// How long a question waits for the poller's answer before the last one must do.
constexpr std::chrono::seconds kPatience{5};
constexpr uint64_t kMs = 1'000'000;

}  // namespace

Poller::Poller(KernelSide& kernel, Pipeline& pipeline, const PollerOptions& options, Tap tap,
               Extra extra)
    : kernel_(kernel),
      pipeline_(pipeline),
      options_(options),
      tap_(std::move(tap)),
      extra_(std::move(extra)),
      start_wall_ns_(wall_ns()),
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
    if (count > 0) {
      pipeline_.flush();
    }
    if (pipeline_.wants_sweep() && monotonic_ns() >= next_sweep_ns_) {
      next_sweep_ns_ = monotonic_ns() + options_.sweep_interval_ms * kMs;
      static log::Every every(60'000 * kMs);
      if (auto swept = kernel_.sweep(*this); !swept && every.due()) {
        log::warn("the sweep failed, ends of some answers come late: {}", swept.error().what);
      }
      pipeline_.flush();
    }
    answer();
    if (count < kBatch) {
      sleep(count > 0);
    }
  }
  kernel_.drain(SIZE_MAX);
  pipeline_.flush();
  answer();
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
  pipeline_.snapshot(pipeline);
  auto snapshot = std::make_shared<MetricSnapshot>();
  snapshot->wall_ns = wall_ns();
  snapshot->start_wall_ns = start_wall_ns_;
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
