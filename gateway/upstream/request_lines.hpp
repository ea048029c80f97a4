#pragma once
/// A request's head for a server that speaks HTTP/2. Pure.
#include "gateway/http/head.hpp"

#include <string_view>
#include <vector>

namespace tallygate::upstream {

/// Lists the fields of a head that the gateway has made for HTTP/1.1 (access::append_upstream_head), so that
/// both protocols tell a server the same: the pseudo-header fields first, and without what speaks of the
/// connection. Views live as long as `head`. Source: RFC 9113 §8.2.2, §8.3.1.
void list_request_fields(std::vector<http::Field>& out, std::string_view head, std::string_view scheme);

}  // namespace tallygate::upstream
