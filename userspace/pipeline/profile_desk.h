// SPDX-License-Identifier: Apache-2.0
// ProfileDesk: takes orders for profiles and has them made, one at a time, on a thread of its own.
// Who comes meanwhile is told when to come again.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "exporters/profile_source.h"
#include "userspace/base/result.h"
#include "userspace/model/metrics.h"

namespace sonde {

class ProfileDesk : public ProfileSource {
 public:
  // Samples as it was ordered, on the desk's thread. given_up: nobody waits for it any more, what
  // is returned does not matter.
  using Make =
      std::function<Result<Profile>(const ProfileOrder&, const std::atomic<bool>& given_up)>;

  explicit ProfileDesk(Make make);
  // Gives up what is being made.
  ~ProfileDesk() override;

  std::expected<std::unique_ptr<OrderedProfile>, ProfileRefusal> order(ProfileOrder order) override;

  // sonde.profile.requests {outcome}. Any thread.
  void append(std::vector<MetricFamily>& out) const;

 private:
  struct Job {
    ProfileOrder order;
    uint64_t ends_ns = 0;  // the sampling
    std::atomic<bool> given_up{false};
    std::atomic<OrderedProfile::State> state{OrderedProfile::State::kMaking};
    std::string body;  // of the thread, until it is done
  };
  class Ordered;

  void run();
  OrderedProfile::State work(Job& job);

  const Make make_;
  mutable std::mutex mutex_;  // guards the next two; held for moments only
  std::shared_ptr<Job> job_;  // null: nothing is asked for
  bool stop_ = false;
  std::condition_variable changed_;
  std::atomic<uint64_t> made_{0};
  std::atomic<uint64_t> given_up_{0};
  std::atomic<uint64_t> failed_{0};
  std::atomic<uint64_t> busy_{0};
  std::thread thread_;
};

}  // namespace sonde
