// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/profile_desk.h"

#include <pthread.h>

#include <exception>
#include <utility>

#include "userspace/base/clock.h"
#include "userspace/base/log.h"

namespace sonde {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

}  // namespace

class ProfileDesk::Ordered final : public OrderedProfile {
 public:
  explicit Ordered(std::shared_ptr<Job> job) : job_(std::move(job)) {}
  ~Ordered() override { job_->given_up = true; }
  Ordered(const Ordered&) = delete;
  Ordered& operator=(const Ordered&) = delete;
  State state() const override { return job_->state; }
  std::string take() override { return std::move(job_->body); }

 private:
  const std::shared_ptr<Job> job_;
};

ProfileDesk::ProfileDesk(Make make) : make_(std::move(make)), thread_([this] { run(); }) {}

ProfileDesk::~ProfileDesk() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    if (job_ != nullptr) {
      job_->given_up = true;
    }
  }
  changed_.notify_one();
  thread_.join();
}

std::expected<std::unique_ptr<OrderedProfile>, ProfileRefusal> ProfileDesk::order(
    ProfileOrder order) {
  auto job = std::make_shared<Job>();
  job->ends_ns = monotonic_ns() + order.seconds * kSecondNs;
  job->order = std::move(order);
  {
    const std::lock_guard lock(mutex_);
    if (job_ != nullptr) {
      busy_++;
      const uint64_t now = monotonic_ns();
      const bool soon = job_->given_up || job_->ends_ns <= now;
      return std::unexpected(
          ProfileRefusal{.reason = "a profile is being made for somebody else",
                         .retry_after_s = soon ? 1 : (job_->ends_ns - now) / kSecondNs + 1});
    }
    job_ = job;
  }
  changed_.notify_one();
  return std::make_unique<Ordered>(std::move(job));
}

void ProfileDesk::run() {
  pthread_setname_np(pthread_self(), "sonde-profile");
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || job_ != nullptr; });
    if (job_ == nullptr) {
      return;
    }
    const std::shared_ptr<Job> job = job_;
    lock.unlock();
    const OrderedProfile::State state = work(*job);
    lock.lock();
    job_ = nullptr;  // first: who has its profile may order the next
    job->state = state;
  }
}

OrderedProfile::State ProfileDesk::work(Job& job) {
  try {
    auto profile = job.given_up ? fail("nobody waits for it") : make_(job.order, job.given_up);
    if (profile && !job.given_up) {
      job.body = job.order.encode(*profile);
      made_++;
      return OrderedProfile::State::kDone;
    }
    if (!job.given_up) {
      log::error("no profile: {}", profile.error().what);
    }
  } catch (const std::exception& error) {
    log::error("no profile: {}", error.what());
  }
  (job.given_up ? given_up_ : failed_)++;
  return OrderedProfile::State::kFailed;
}

void ProfileDesk::append(std::vector<MetricFamily>& out) const {
  MetricFamily& family =
      out.emplace_back(MetricFamily{.name = "sonde.profile.requests",
                                    .unit = "",
                                    .help = "Profiles that were asked for, by what became of it.",
                                    .kind = MetricKind::kCounter,
                                    .bounds = nullptr,
                                    .points = {}});
  const auto add = [&](std::string outcome, uint64_t count) {
    family.points.push_back(
        {std::make_shared<const Labels>(Labels{{"outcome", std::move(outcome)}}), count});
  };
  add("made", made_);
  add("given_up", given_up_);
  add("failed", failed_);
  add("busy", busy_);
}

}  // namespace sonde
