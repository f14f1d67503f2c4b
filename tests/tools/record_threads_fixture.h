// An output for a recorder that keeps what it is given, and can be made to hang or to fail.
#ifndef MILLRACE_TESTS_TOOLS_RECORD_THREADS_FIXTURE_H_
#define MILLRACE_TESTS_TOOLS_RECORD_THREADS_FIXTURE_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "tools/record/recorder_output.h"

namespace record {

// Whoever passes waits while it is shut.
class Barrier {
 public:
  void Shut() {
    const std::lock_guard<std::mutex> lock(mutex_);
    open_ = false;
  }
  void Open() {
    const std::lock_guard<std::mutex> lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void Pass() {
    std::unique_lock<std::mutex> lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    --waiting_;
  }
  void AwaitSomebody() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return waiting_ > 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
  int waiting_ = 0;
};

// What was written; read it after the recorder has been stopped.
struct Written {
  std::vector<trace::SessionRecord> sessions{};
  std::vector<trace::TransactionRecord> transactions{};
  std::vector<std::string> bodies{};
  std::vector<trace::CloseRecord> closes{};
  std::vector<trace::ScanRecord> scans{};
  std::vector<std::string> messages{};
  std::vector<std::string> metas{};
  std::vector<std::string> ends{};
  int syncs = 0;
};

class KeptOutput final : public RecorderOutput {
 public:
  // All outlive it. `fails_after`: that many records are taken.
  KeptOutput(Written& written, Barrier& barrier, int fails_after = INT32_MAX)
      : written_(written), barrier_(barrier), left_(fails_after) {}

  absl::Status Write(trace::TransactionRecord& record, std::string_view body) override {
    if (absl::Status status = Take(); !status.ok()) return status;
    record.body.bytes = body.size();
    written_.transactions.push_back(record);
    written_.bodies.emplace_back(body);
    return absl::OkStatus();
  }
  absl::Status Write(trace::ScanRecord& record, std::string_view message) override {
    if (absl::Status status = Take(); !status.ok()) return status;
    written_.scans.push_back(record);
    written_.messages.emplace_back(message);
    return absl::OkStatus();
  }
  absl::Status Write(const trace::SessionRecord& record) override {
    return Keep(record, &written_.sessions);
  }
  absl::Status Write(const trace::CloseRecord& record) override {
    return Keep(record, &written_.closes);
  }
  absl::Status Write(const trace::MetaRecord& record) override {
    return Keep(record.json, &written_.metas);
  }
  absl::Status Write(const trace::EndRecord& record) override {
    return Keep(record.json, &written_.ends);
  }
  absl::Status Sync() override {
    ++written_.syncs;
    return absl::OkStatus();
  }
  std::uint64_t last_session() const override { return 0; }
  std::uint64_t file_bytes() const override { return 0; }

 private:
  absl::Status Take() {
    barrier_.Pass();
    return left_-- > 0 ? absl::OkStatus() : absl::ResourceExhaustedError("trace: ENOSPC");
  }
  template <typename Record>
  absl::Status Keep(const Record& record, std::vector<Record>* to) {
    absl::Status status = Take();
    if (status.ok()) to->push_back(record);
    return status;
  }

  Written& written_;
  Barrier& barrier_;
  int left_;
};

}  // namespace record

#endif  // MILLRACE_TESTS_TOOLS_RECORD_THREADS_FIXTURE_H_
