#include "gateway/cli/demo_guide.hpp"

#include "gateway/cli/site_report.hpp"

#include <fmt/format.h>

#include <array>

namespace tallygate::cli {
namespace {

/// One thing to try: a curl command line after the common part, and a piece of what it prints.
struct Try {
  std::string_view title;
  std::string_view arguments;
  std::string_view path;
  std::string_view gives;
};

constexpr std::array<Try, 5> tries{{
    {"Without a credential nobody gets in.", "", "/reports", "\"status\":401"},
    {"A service token does. The application learns who it is from the gateway.", "-H @robot.header ",
     "/api/me", "\"user\":\"robot\""},
    {"Claiming to be somebody else does not help.", "-H @robot.header -H 'X-Forwarded-User: alice' ",
     "/api/me", "\"user\":\"robot\""},
    {"The policy allows the robot no administration.", "-H @robot.header ", "/admin", "\"status\":403"},
    {"A path that could be read in two ways is refused.", "-H @robot.header --path-as-is ",
     "/reports/..%2fadmin", "\"status\":400"},
}};

}  // namespace

std::string demo_guide(const DemoFolder& folder, const DemoPorts& ports, std::string_view program) {
  std::string guide = fmt::format(R"(
Tallygate demo. Ctrl-C ends it; the record in {0} stays and goes on next time.

  application   https://localhost:{1}/      your browser warns: the certificate is signed by itself
  readiness     http://127.0.0.1:{2}/readyz
  metrics       http://127.0.0.1:{2}/metrics

  alice   {3}   engineer: may do everything, administration after a fresh login
  bob     {4}   contractor: may look at home and echo, may not post
  carol   {5}   auditor: may read the reports as well
  robot   a token, in robot.header: may read reports and post

Five things to try, in another terminal:

  cd {6}

)",
                                  folder.path.string(), ports.https, ports.admin, folder.alice, folder.bob,
                                  folder.carol, shell_quoted(folder.path.string()));
  for (std::size_t i = 0; i < tries.size(); ++i) {
    guide +=
        fmt::format("  {}. {}\n     curl --cacert tls/cert.pem {}https://localhost:{}{}\n     → {}\n", i + 1,
                    tries[i].title, tries[i].arguments, ports.https, tries[i].path, tries[i].gives);
  }
  guide += fmt::format(R"(
Each of them is in the record by now, signed and chained:

  {0} audit tail -c gateway.yaml
  {0} audit verify --journal journal --head head/head --root provisioning.pub.pem

Change policy.yaml there, try it with `{0} policy test policy_test.yaml`, and start the demo again.

)",
                       program);
  return guide;
}

}  // namespace tallygate::cli
