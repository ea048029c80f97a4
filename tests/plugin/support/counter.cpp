/// Counts events, written with plugin.hpp. What becomes of an event is its kind.
#include <tallygate/plugin.hpp>

#include <stdexcept>
#include <string>

namespace {

class Counter {
 public:
  static constexpr const char* name = "counter";
  static constexpr const char* version = "1.2";

  Counter(tallygate::plugin::Host host, std::string_view config_json) : host_(host) {
    if (config_json != "{}") {
      throw std::invalid_argument("counter takes no configuration, it was given " + std::string(config_json));
    }
    host_.log(TG_LOG_INFO, "counting");
  }

  void submit(const tallygate::plugin::Event& event, tallygate::plugin::Done done) {
    if (event.kind() == "throw") {
      throw std::runtime_error("as asked");
    }
    if (event.kind() == "drop") {
      return;
    }
    if (event.kind() == "refuse") {
      done.refused(TG_OVERLOADED, event.find("why"));
    }
    const tg_receipt receipt = {sizeof(tg_receipt), count_++, {}};
    done.durable(receipt);
  }

  void health(tg_health& health) {
    if (count_ == 0) {
      throw std::runtime_error("nothing counted yet");
    }
    health.entries = count_;
  }

 private:
  tallygate::plugin::Host host_;
  std::uint64_t count_ = 0;
};

}  // namespace

TALLYGATE_PLUGIN(Counter)
