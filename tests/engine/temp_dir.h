// A fresh folder for one test, removed with all that is in it.
#ifndef MILLRACE_TESTS_ENGINE_TEMP_DIR_H_
#define MILLRACE_TESTS_ENGINE_TEMP_DIR_H_

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "engine/base/check.h"

namespace engine {

class TempDir {
 public:
  // Below `parent`; empty: $TMPDIR, else /tmp.
  explicit TempDir(const std::string& parent = "") {
    std::error_code error;
    std::filesystem::path name = parent.empty() ? std::filesystem::temp_directory_path(error)
                                                : std::filesystem::path(parent);
    path_ = (name / "engine-test.XXXXXX").string();
    ENGINE_CHECK(::mkdtemp(path_.data()) != nullptr);
  }
  ~TempDir() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace engine

#endif  // MILLRACE_TESTS_ENGINE_TEMP_DIR_H_
