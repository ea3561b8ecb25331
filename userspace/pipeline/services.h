// SPDX-License-Identifier: Apache-2.0
// ServiceDirectory: what the pipeline asks of the inventory. Implementations answer from any
// thread.
#pragma once

#include "userspace/model/events.h"
#include "userspace/model/policy.h"
#include "userspace/model/service.h"

namespace sonde {

class ServiceDirectory {
 public:
  virtual ~ServiceDirectory() = default;
  // Never null: an unknown process is a service named so.
  virtual ServiceRef service_of(Pid pid) = 0;
  // False: this connection's bytes are not to be looked at.
  virtual bool watched(const ConnectionOpened& connection) = 0;
  // False: it ended a while ago, and service_of does not know it any more.
  virtual bool known(Pid /*pid*/) { return true; }
  // Moves whenever an earlier answer of service_of may have changed.
  virtual uint64_t version() const = 0;
};

// Takes the flows' advice to the kernel side; a replay has nobody to advise.
class PolicyTarget {
 public:
  virtual ~PolicyTarget() = default;
  virtual void set_policy(ConnectionId connection, const Policy& policy) = 0;
  virtual void learn_policy(Role role, const Address& local, const Address& remote,
                            uint32_t network_namespace, const Policy& policy) = 0;
};

}  // namespace sonde
