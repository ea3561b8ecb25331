// SPDX-License-Identifier: Apache-2.0
// Pool: objects that come and go all the time, in memory that is used again. One thread.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#if defined(__has_feature) && !defined(__SANITIZE_ADDRESS__)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1  // clang says it another way
#endif
#endif

namespace sonde {

template <typename T>
class Pool {
 public:
  // Puts an object back. The pool must outlive its objects.
  struct Return {
    Pool* pool;
    void operator()(T* object) const { pool->put_back(object); }
  };
  using Owner = std::unique_ptr<T, Return>;

  // most: free places kept, whatever there were at the busiest moment.
  explicit Pool(size_t most) : most_(kKeeps ? most : 0) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() {
    for (void* place : free_) {
      ::operator delete(place, kAlignment);
    }
  }

  template <typename... Arguments>
  Owner make(Arguments&&... arguments) {
    void* place = nullptr;
    if (free_.empty()) {
      place = ::operator new(sizeof(T), kAlignment);
    } else {
      place = free_.back();
      free_.pop_back();
    }
    return Owner(new (place) T(std::forward<Arguments>(arguments)...), Return{this});
  }

 private:
  static constexpr std::align_val_t kAlignment{alignof(T)};
#ifdef __SANITIZE_ADDRESS__
  static constexpr bool kKeeps = false;  // what is used after its end shall be found
#else
  static constexpr bool kKeeps = true;
#endif

  void put_back(T* object) {
    object->~T();
    if (free_.size() < most_) {
      free_.push_back(object);
    } else {
      ::operator delete(static_cast<void*>(object), kAlignment);
    }
  }

  const size_t most_;
  std::vector<void*> free_;
};

}  // namespace sonde
