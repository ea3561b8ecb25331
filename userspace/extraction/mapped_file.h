// SPDX-License-Identifier: Apache-2.0
// MappedFile: a table as it lies in its file, for as long as this lives.
#pragma once

#include <memory>
#include <string_view>

#include "userspace/base/fd.h"
#include "userspace/base/result.h"

namespace sonde {

class MappedFile {
 public:
  // What the file holds now. It must be one that nobody cuts: out of our store.
  static Result<MappedFile> of(const Fd& file);

  std::string_view bytes() const {
    return {static_cast<const char*>(memory_.get()), memory_.get_deleter().size};
  }

 private:
  struct Unmap {
    size_t size = 0;
    void operator()(void* memory) const;
  };
  explicit MappedFile(std::unique_ptr<void, Unmap> memory) : memory_(std::move(memory)) {}

  std::unique_ptr<void, Unmap> memory_;
};

}  // namespace sonde
