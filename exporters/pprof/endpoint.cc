// SPDX-License-Identifier: Apache-2.0
#include "exporters/pprof/endpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "exporters/pprof/encode.h"
#include "exporters/query.h"

namespace sonde::pprof {
namespace {

constexpr uint64_t kMostPid = 4'194'304;  // the kernel's

// What cannot be shown stands as "?": it came from a request, and goes to a terminal perhaps.
std::string shown(std::string_view text) {
  constexpr size_t kMost = 100;
  std::string out(text.substr(0, kMost));
  std::ranges::replace_if(out, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return out;
}

Result<uint64_t> number(std::string_view name, std::string_view text, uint64_t least,
                        uint64_t most) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    return fail(
        fmt::format("{}={}: want a whole number from {} to {}", name, shown(text), least, most));
  }
  return value;
}

Result<ProfileOrder> parse_order(std::string_view query) {
  const auto parameters = parse_query(query);
  if (!parameters) {
    return std::unexpected(parameters.error());
  }
  ProfileOrder out;
  out.seconds = kUsualSeconds;
  for (const auto& [name, value] : *parameters) {
    Result<uint64_t> read = 0;
    if (name == "seconds") {
      read = number(name, value, 1, kMostSeconds);
      out.seconds = read.value_or(0);
    } else if (name == "pid") {
      read = number(name, value, 1, kMostPid);
      out.pid = static_cast<uint32_t>(read.value_or(0));
    } else if (name == "service") {
      out.service = value;
    } else if (name == "lines") {
      read = number(name, value, 0, 1);
      out.lines = read.value_or(0) == 1;
    } else {
      read = fail(fmt::format("{}: there are seconds, service, pid and lines", shown(name)));
    }
    if (!read) {
      return std::unexpected(read.error());
    }
  }
  return out;
}

class ProfileBody final : public BodyStream {
 public:
  explicit ProfileBody(std::unique_ptr<OrderedProfile> profile) : profile_(std::move(profile)) {}

  Next next(std::string& out) override {
    constexpr size_t kPart = size_t{64} * 1024;
    if (profile_ != nullptr) {
      switch (profile_->state()) {
        case OrderedProfile::State::kMaking:
          return Next::kLater;
        case OrderedProfile::State::kFailed:
          return Next::kFailed;
        case OrderedProfile::State::kDone:
          body_ = profile_->take();
          profile_ = nullptr;
          break;
      }
    }
    const std::string_view part = std::string_view(body_).substr(sent_, kPart);
    out += part;
    sent_ += part.size();
    return sent_ == body_.size() ? Next::kEnd : Next::kMore;
  }

 private:
  std::unique_ptr<OrderedProfile> profile_;  // null: body_ is there
  std::string body_;
  size_t sent_ = 0;
};

HttpResponse answer(ProfileSource& source, const ProfileForm& form, const HttpRequest& request) {
  auto order = parse_order(request.query);
  if (!order) {
    return text_response(400, order.error().what + "\n");
  }
  order->encode = [order = *order, encode = form.encode](const Profile& profile) {
    return encode(profile, order);
  };
  auto profile = source.order(*std::move(order));
  if (!profile) {
    HttpResponse refused = text_response(503, profile.error().reason + "\n");
    if (profile.error().retry_after_s != 0) {
      refused.headers.emplace_back("Retry-After", fmt::format("{}", profile.error().retry_after_s));
    }
    return refused;
  }
  HttpResponse response;
  response.content_type = form.content_type;
  if (!form.file_name.empty()) {
    response.headers.emplace_back("Content-Disposition",
                                  fmt::format("attachment; filename=\"{}\"", form.file_name));
  }
  response.stream = std::make_unique<ProfileBody>(*std::move(profile));
  return response;
}

}  // namespace

ProfileForm pprof_form() {
  return {.path = "/debug/pprof/profile",
          .content_type = "application/octet-stream",
          .file_name = "profile.pb.gz",
          .encode = [](const Profile& profile, const ProfileOrder&) { return encode(profile); },
          .about =
              "where CPU time goes, for pprof, Parca and Alloy; "
              "?seconds=30&service=NAME&pid=PID as you like; &lines=0 for names alone"};
}

HttpRoute profile_route(ProfileSource& source, ProfileForm form) {
  std::string path = form.path;
  std::string about = form.about;
  return {.path = std::move(path),
          .handler = [&source, form = std::move(form)](
                         const HttpRequest& request) { return answer(source, form, request); },
          .about = std::move(about)};
}

}  // namespace sonde::pprof
