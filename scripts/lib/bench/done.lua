-- SPDX-License-Identifier: Apache-2.0
-- One line of tab-separated facts instead of wrk's rounded ones. No function here runs per request.
function done(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("requests\t%d\t%d\t%d\t%d\t%d\n", summary.requests, summary.duration, failed,
    latency:percentile(50), latency:percentile(99)))
end
