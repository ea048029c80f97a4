#include "gateway/identity/form_guard.hpp"

#include "gateway/identity/encoding.hpp"

namespace tallygate::identity {

Origin origin_of(const http::RequestHead& head, std::string_view authority) {
  Origin origin = Origin::unknown;
  const std::string own = "https://" + std::string(authority);
  for (const http::Field& field : head.fields.all()) {
    if (field.id == boost::beast::http::field::origin) {
      if (field.value != own) {
        return Origin::foreign;
      }
      origin = Origin::own;
    }
  }
  if (const auto site = head.fields.find("Sec-Fetch-Site")) {
    // A sibling host is not us: `same-site` is foreign too.
    if (*site != "same-origin" && *site != "none") {
      return Origin::foreign;
    }
    origin = *site == "same-origin" ? Origin::own : origin;
  }
  return origin;
}

std::string form_token(const Digest& key, std::string_view purpose, std::string_view binding) {
  std::string text = "tallygate form\n";
  text += purpose;
  text += '\n';
  text += binding;
  return base64url_encode(as_text(hmac_sha256(key, text)));
}

bool is_form_token(const Digest& key, std::string_view purpose, std::string_view binding,
                   std::string_view token) {
  return !binding.empty() && equal_constant_time(form_token(key, purpose, binding), token);
}

}  // namespace tallygate::identity
