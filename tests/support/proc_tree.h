// SPDX-License-Identifier: Apache-2.0
// ProcTree: a folder that looks like /proc, with the processes a test puts there.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace sonde {

class ProcTree {
 public:
  ProcTree()
      : root_(std::filesystem::path(testing::TempDir()) /
              ("sonde_proc_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(root_ / "self");
    std::ofstream(root_ / "version") << "x";
  }
  ~ProcTree() { std::filesystem::remove_all(root_); }
  ProcTree(const ProcTree&) = delete;
  ProcTree& operator=(const ProcTree&) = delete;

  const std::filesystem::path& root() const { return root_; }

  // arguments: the words, each with a zero byte behind it.
  void add_process(int pid, uint64_t start, const std::string& exe, const std::string& arguments,
                   char state = 'S') {
    const std::filesystem::path directory = root_ / std::to_string(pid);
    std::filesystem::create_directories(directory);
    std::ofstream(directory / "stat")
        << pid << " (odd) name) " << state << " 1 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 "
        << start << " 0 0\n";
    std::ofstream(directory / "status") << "Name:\tx\nUid:\t0\t33\t33\t33\nGid:\t0\t0\t0\t0\n";
    std::ofstream(directory / "cmdline") << arguments;
    std::ofstream(directory / "cgroup") << "0::/user.slice/session-1.scope\n";
    std::filesystem::remove(directory / "exe");
    std::filesystem::create_symlink(exe, directory / "exe");
  }
  void remove_process(int pid) { std::filesystem::remove_all(root_ / std::to_string(pid)); }

 private:
  const std::filesystem::path root_;
};

}  // namespace sonde
