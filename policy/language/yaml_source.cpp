#include "policy/language/yaml_reader.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <memory>

namespace tallygate::policy::yaml {

boost::system::result<SourceFile, boost::system::error_code> read_source(const std::string& path) {
  const auto failure = [] { return boost::system::error_code(errno, boost::system::system_category()); };
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  const std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "rbe"));
  if (!file) {
    return failure();
  }
  SourceFile source{path, {}};
  char buffer[std::size_t{64} << 10];
  while (source.text.size() <= text_bytes_max) {
    const std::size_t got = std::fread(buffer, 1, sizeof buffer, file.get());
    source.text.append(buffer, got);
    if (got == sizeof buffer) {
      continue;
    }
    if (std::ferror(file.get()) != 0) {
      return failure();
    }
    break;
  }
  return source;
}

}  // namespace tallygate::policy::yaml
