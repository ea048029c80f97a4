#include "gateway/cli/audit_files.hpp"

#include "audit/proof/tlog_proof.hpp"
#include "gateway/cli/audit_arguments.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/cli/site_folder.hpp"

#include <fmt/core.h>

#include <array>
#include <cstdio>
#include <memory>

namespace tallygate::cli {
namespace {

constexpr std::size_t piece_bytes = 65'536;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

audit::Result<std::string> read_proof(const std::string& path) {
  const std::unique_ptr<std::FILE, CloseFile> file(path == "-" ? nullptr : std::fopen(path.c_str(), "rb"));
  if (path != "-" && !file) {
    return audit::fail(audit::FailureKind::unreadable, path + ": cannot be read");
  }
  std::FILE* const from = file ? file.get() : stdin;
  std::string bytes;
  std::array<char, piece_bytes> piece;
  while (bytes.size() <= audit::tlog_proof_bytes_max && std::feof(from) == 0 && std::ferror(from) == 0) {
    bytes.append(piece.data(), std::fread(piece.data(), 1, piece.size(), from));
  }
  if (std::ferror(from) != 0) {
    return audit::fail(audit::FailureKind::unreadable, path + ": cannot be read");
  }
  return bytes;
}

int write_proof(const std::string& path, const std::string& proof) {
  if (path.empty() || path == "-") {
    fmt::print("{}", proof);
    return finish_output(ExitCode::done);
  }
  if (const auto written = write_new_file(path, proof, public_mode); !written) {
    return report_failure(written.error());
  }
  return ExitCode::done;
}

}  // namespace tallygate::cli
