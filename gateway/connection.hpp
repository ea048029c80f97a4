#pragma once
/// One client connection: handshake, then one request after another, each judged, recorded and then served.
#include "gateway/worker.hpp"

#include <boost/asio/ip/tcp.hpp>

namespace tallygate {

/// Serves a connection on the worker's thread until it ends; returns at once. Over the limits it is closed
/// unserved.
void serve_connection(Worker& worker, boost::asio::ip::tcp::socket socket);

}  // namespace tallygate
