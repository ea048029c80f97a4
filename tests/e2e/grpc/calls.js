// One service with a method of each kind; messages are plain bytes.
'use strict';
const same = (value) => value;

const method = (name, requestStream, responseStream) => ({
  path: `/e2e.Calls/${name}`, requestStream, responseStream,
  requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same,
});

module.exports = {
  same,
  service: {
    Unary: method('Unary', false, false),
    Collect: method('Collect', true, false),
    Spread: method('Spread', false, true),
    Talk: method('Talk', true, true),
    Fail: method('Fail', false, false),
    Wait: method('Wait', false, true),
  },
};
