// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/taped_samples.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "userspace/base/bytes.h"
#include "userspace/inventory/build_id.h"
#include "userspace/kernel/tape_fields.h"

namespace sonde::cli {
namespace {

constexpr uint64_t kMostPeriodNs = 1'000'000'000;
constexpr size_t kMostText = 4096;  // of a path or a name

class Fields {
 public:
  explicit Fields(std::span<const uint8_t> bytes) {
    Bytes in(bytes);
    for (TapeField field; next_field(in, field);) {
      fields_.insert_or_assign(field.key, field.value);
    }
  }
  std::string text(std::string_view key) const {
    const auto found = fields_.find(key);
    return found == fields_.end() ? std::string() : std::string(found->second.substr(0, kMostText));
  }
  // What is no number of that kind is 0.
  template <typename Number>
  Number number(std::string_view key) const {
    Number out = 0;
    if (const auto found = fields_.find(key); found != fields_.end()) {
      std::from_chars(found->second.data(), found->second.data() + found->second.size(), out);
    }
    return out;
  }

 private:
  std::map<std::string_view, std::string_view> fields_;
};

// The very build that was sampled, if it lies where it lay there.
Fd open_build(const std::string& path, const std::string& build_id) {
  if (build_id.empty() || !path.starts_with('/')) {
    return {};
  }
  const Fd found(::open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat facts{};
  if (!found.ok() || ::fstat(found.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) {
    return {};
  }
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  return file.ok() && read_build_id(file.get()) == build_id ? std::move(file) : Fd();
}

}  // namespace

void TapedSamples::take(const TapeFrame& frame) {
  bool taken = true;
  switch (frame.kind) {
    case TapeFrameKind::kSampling:
      taken = sampling(frame.payload);
      break;
    case TapeFrameKind::kOwner:
      taken = owner(frame.payload);
      break;
    case TapeFrameKind::kModule:
      taken = module(frame.payload);
      break;
    case TapeFrameKind::kPlace:
      taken = place(frame.payload);
      break;
    case TapeFrameKind::kSample:
      taken = sample(frame.payload);
      break;
    default:
      break;
  }
  refused_ += taken ? 0 : 1;
}

bool TapedSamples::sampling(std::span<const uint8_t> fields) {
  const auto period = Fields(fields).number<uint64_t>("period_ns");
  if (period == 0 || period > kMostPeriodNs || period_ns_ != 0) {
    return false;
  }
  period_ns_ = period;
  return true;
}

bool TapedSamples::owner(std::span<const uint8_t> fields) {
  if (owners_.size() >= limits_.owners) {
    return false;
  }
  const Fields in(fields);
  owners_.push_back({.service = in.text("service"),
                     .container = in.text("container"),
                     .thread_name = in.text("comm"),
                     .pid = in.number<uint32_t>("pid"),
                     .thread = in.number<uint32_t>("thread")});
  return true;
}

bool TapedSamples::module(std::span<const uint8_t> fields) {
  const Fields in(fields);
  const auto kind = in.number<uint32_t>("kind");
  if (modules_.size() >= ModuleTable::kMaxModules ||
      kind > static_cast<uint32_t>(ModuleKind::kSpecial)) {
    return false;
  }
  modules_.push_back({.kind = static_cast<ModuleKind>(kind),
                      .path = in.text("path"),
                      .build_id = in.text("build_id"),
                      .file = {}});
  return true;
}

bool TapedSamples::place(std::span<const uint8_t> fields) {
  const Fields in(fields);
  const auto number = in.number<uint32_t>("module");
  if (places_.size() >= limits_.frames || number >= modules_.size()) {
    return false;
  }
  places_.push_back(
      {.module = number, .offset = in.number<uint64_t>("offset"), .name = in.text("name")});
  return true;
}

bool TapedSamples::is_wanted(const ProfileOwner& owner) const {
  return (pid_ == 0 || owner.pid == pid_) && (service_.empty() || owner.service == service_);
}

bool TapedSamples::sample(std::span<const uint8_t> bytes) {
  TapeSample head{};
  if (bytes.size() < sizeof(head) || bytes.size() % sizeof(uint32_t) != 0 || period_ns_ == 0) {
    return false;
  }
  std::memcpy(&head, bytes.data(), sizeof(head));
  const size_t frames = (bytes.size() - sizeof(head)) / sizeof(uint32_t);
  std::vector<uint32_t> key(1 + frames, head.owner);
  if (frames > 0) {
    std::memcpy(key.data() + 1, bytes.data() + sizeof(head), frames * sizeof(uint32_t));
  }
  uint64_t all = 0;
  uint64_t time = 0;
  if (head.owner >= owners_.size() || head.weight == 0 || frames > SampleSink::kMostFrames ||
      std::ranges::any_of(key.begin() + 1, key.end(),
                          [this](uint32_t number) { return number >= places_.size(); }) ||
      __builtin_add_overflow(periods_, head.weight, &all) ||
      __builtin_mul_overflow(all, period_ns_, &time)) {
    return false;
  }
  if (!is_wanted(owners_[head.owner])) {
    return true;
  }
  periods_ = all;
  first_ns_ = samples_++ == 0 ? head.time_ns : std::min(first_ns_, head.time_ns);
  last_ns_ = std::max(last_ns_, head.time_ns);
  const bool room = frames > 0 && (stacks_.contains(key) || stacks_.size() < limits_.stacks);
  Met& met = room ? stacks_[std::move(key)] : cut_[head.owner];
  met.samples++;
  met.periods += head.weight;
  return true;
}

uint32_t TapedSamples::no_room(Profile& profile) {
  profile.modules.push_back({.path = "[unknown]", .build_id = {}});
  profile.frames.push_back({.module = static_cast<uint32_t>(profile.modules.size() - 1),
                            .offset = 0,
                            .function = "[no room]"});
  return static_cast<uint32_t>(profile.frames.size() - 1);
}

Profile TapedSamples::finish(const TapeFacts& facts, FrameNames& names) {
  Profile out;
  size_t open = 0;
  for (Module& module : modules_) {
    if (module.kind == ModuleKind::kFile && open < ModuleTable::kMaxOpenFiles) {
      module.file = open_build(module.path, module.build_id);
      open += module.file.ok() ? 1 : 0;
    }
    out.modules.push_back({.path = module.path,
                           .build_id = module.build_id,
                           .in_kernel = module.kind == ModuleKind::kKernel});
  }
  for (Place& place : places_) {
    const Module& module = modules_[place.module];
    if (module.kind == ModuleKind::kFile) {
      place.name = names.name(module, place.offset);
    }
    if (place.name.empty()) {
      place.name = module.kind == ModuleKind::kFile ? place_name(module, place.offset)
                                                    : std::string(module.path);
    }
    out.frames.push_back({.module = place.module,
                          .offset = place.offset,
                          .function = place.name.empty() ? "[unknown]" : std::move(place.name)});
  }
  out.owners = std::move(owners_);
  for (const auto& [key, met] : stacks_) {
    out.stacks.push_back({.owner = key[0],
                          .frames = {key.begin() + 1, key.end()},
                          .samples = met.samples,
                          .periods = met.periods});
  }
  const uint32_t no_room_frame = cut_.empty() ? 0 : no_room(out);
  for (const auto& [number, met] : cut_) {
    out.stacks.push_back({.owner = number,
                          .frames = {no_room_frame},
                          .samples = met.samples,
                          .periods = met.periods});
  }
  out.period_ns = period_ns_;
  out.duration_ns = last_ns_ - first_ns_;
  out.start_wall_ns = facts.wall_ns + (first_ns_ - std::min(first_ns_, facts.monotonic_ns));
  return out;
}

}  // namespace sonde::cli
