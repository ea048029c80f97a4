// One gRPC call through the gateway: a JSON object as the argument says which, the outcome is one JSON line.
// {address, authority, ca, token, method, path, send: [text], sizes: "COUNTxBYTES", deadline_ms, cancel_after: N}
'use strict';
const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const { same, service } = require('./calls');

const asked = JSON.parse(process.argv[2]);
const host = asked.authority.split(':')[0];
const client = new grpc.Client(asked.address, grpc.credentials.createSsl(fs.readFileSync(asked.ca)), {
  'grpc.ssl_target_name_override': host, 'grpc.default_authority': asked.authority, 'grpc.enable_retries': 0,
});
const metadata = new grpc.Metadata();
if (asked.token) metadata.set('authorization', `Bearer ${asked.token}`);
metadata.set('x-from-client', 'yes');
metadata.set('x-forwarded-user', 'root');
const options = asked.deadline_ms ? { deadline: Date.now() + asked.deadline_ms } : {};
const kind = service[asked.method];
const path = asked.path || kind.path;

const outcome = { messages: [], bytes: 0, count: 0 };
const finish = (status) => {
  outcome.code = grpc.status[status.code];
  outcome.details = status.details;
  outcome.trailers = status.metadata.getMap();
  process.stdout.write(JSON.stringify(outcome) + '\n');
  client.close();
};
const take = (message) => {
  outcome.count += 1;
  outcome.bytes += message.length;
  if (message.length < 200) outcome.messages.push(String(message));
};
const answered = (error, message) => { if (!error) take(message); };

const begin = () => {
  const first = Buffer.from((asked.send || [''])[0]);
  const how = [path, same, same];
  if (kind.requestStream && kind.responseStream) return client.makeBidiStreamRequest(...how, metadata, options);
  if (kind.requestStream) return client.makeClientStreamRequest(...how, metadata, options, answered);
  if (kind.responseStream) return client.makeServerStreamRequest(...how, first, metadata, options);
  return client.makeUnaryRequest(...how, first, metadata, options, answered);
};

const call = begin();
call.on('status', finish);
call.on('error', () => {});  // its status says the same
if (kind.responseStream) {
  call.on('data', (message) => {
    take(message);
    if (asked.cancel_after === outcome.count) return call.cancel();
    // Each message is said when the one before was answered: both directions are open at once.
    if (!kind.requestStream) return undefined;
    const more = asked.send.length > outcome.count;
    return more ? call.write(Buffer.from(asked.send[outcome.count])) : call.end();
  });
}
if (kind.requestStream && kind.responseStream) {
  call.write(Buffer.from(asked.send[0]));
} else if (kind.requestStream && asked.sizes) {
  const [count, size] = asked.sizes.split('x').map(Number);
  const next = (index) => {
    if (index === count) return call.end();
    if (call.write(Buffer.alloc(size, 'c'))) return setImmediate(next, index + 1);
    return call.once('drain', () => next(index + 1));
  };
  next(0);
}
