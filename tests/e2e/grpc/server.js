// A gRPC server on a loopback port; says on stdout, one JSON line each, where it is and what happens to it.
// Arguments: nothing for HTTP/2 in the clear, or the files of a certificate and its key.
'use strict';
const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const { service } = require('./calls');

const say = (what) => process.stdout.write(JSON.stringify(what) + '\n');
const ended = () => {
  const trailers = new grpc.Metadata();
  trailers.set('x-trailer', 'of the server');
  return trailers;
};
const told = (call) => {
  say({ event: 'call', metadata: call.metadata.getMap() });
  call.on('cancelled', () => say({ event: 'cancelled' }));
};

const methods = {
  Unary(call, done) {
    told(call);
    done(null, Buffer.from(`hello ${call.request}`), ended());
  },
  Collect(call, done) {
    told(call);
    let bytes = 0;
    let messages = 0;
    call.on('data', (message) => { bytes += message.length; messages += 1; });
    call.on('end', () => done(null, Buffer.from(`${messages} messages, ${bytes} bytes`), ended()));
  },
  Spread(call) {
    told(call);
    const [count, size] = String(call.request).split('x').map(Number);
    const message = Buffer.alloc(size, 's');
    const next = (index) => {
      if (index === count) return call.end(ended());
      if (call.write(message)) return setImmediate(next, index + 1);
      return call.once('drain', () => next(index + 1));
    };
    next(0);
  },
  Talk(call) {
    told(call);
    call.on('data', (message) => call.write(Buffer.from(`you said ${message}`)));
    call.on('end', () => call.end(ended()));
  },
  Fail(call, done) {
    told(call);
    done({ code: grpc.status.FAILED_PRECONDITION, details: 'not now' });
  },
  Wait(call) {
    told(call);
    call.write(Buffer.from('waiting'));
  },
};

const [cert, key] = process.argv.slice(2);
const credentials = cert === undefined ? grpc.ServerCredentials.createInsecure()
  : grpc.ServerCredentials.createSsl(null, [{ cert_chain: fs.readFileSync(cert), private_key: fs.readFileSync(key) }]);
const server = new grpc.Server();
server.addService(service, methods);
server.bindAsync('127.0.0.1:0', credentials, (error, port) => {
  if (error) throw error;
  say({ event: 'listening', port });
});
