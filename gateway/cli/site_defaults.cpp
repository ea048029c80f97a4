#include "gateway/cli/site_defaults.hpp"

#include <boost/algorithm/string/replace.hpp>

#include <stdexcept>

namespace tallygate::cli {

const std::string_view init_gateway_yaml =
    R"yaml(# yaml-language-server: $schema=schemas/gateway.schema.json
# Tallygate. Every key is explained in the gateway.yaml that comes with the source (config/gateway.yaml). Paths are
# relative to this file. Tell a running gateway of a change with SIGHUP: a file with an error changes nothing.
version: 1

# Who writes the record; each entry carries this name.
gateway: "@HOST@"

listen:
  https: 0.0.0.0:8443           # what people reach. 0.0.0.0:443 once nothing else listens there
  admin: 127.0.0.1:9443         # /healthz, /readyz, /metrics. Keep it off the network

tls:
  # Signed by itself, so browsers will warn: put your own certificate here before others use this.
  certificates: [{cert: tls/cert.pem, key: tls/key.pem}]

identity:
  users: users.yaml             # local accounts. Tokens of an issuer, client certificates: see config/gateway.yaml

policy: policy.yaml             # who may do what; test it with: tallygate policy test policy_test.yaml

routes:
  - name: app
    match: {host: "@HOST@"}
    upstream: {servers: ["http://127.0.0.1:8080"]}       # your application
    # websocket: true
    # identity_headers: [jwt, user, email, groups]       # how it learns who is asking

audit:
  # before_upstream: nothing reaches the application before its decision is on disk, signed.
  acknowledge: before_upstream
  journal:
    path: journal/
    head: head/                 # best moved to another disk: it shows when the journal was rolled back
)yaml";

const std::string_view init_policy_yaml =
    R"yaml(# yaml-language-server: $schema=schemas/policy.schema.json
# Who may do what. What no rule allows is denied; the order of the rules does not matter.
version: 1
policy: first

roles:
  member: {}
  admin: {includes: [member]}              # an admin can do what a member can

bindings:
  - {role: member, groups: [members]}
  - {role: admin, groups: [admins]}

resources:
  app: {hosts: ["@HOST@"], paths: [/**], except: [/admin/**]}
  app-admin: {hosts: ["@HOST@"], paths: [/admin/**]}

conditions:
  fresh-login: {auth_within: 15m}

rules:
  - id: members-use-the-app
    effect: allow
    roles: [member]
    resources: [app]
    methods: [any]
  - id: admins-administer
    effect: allow
    roles: [admin]
    resources: [app-admin]
    methods: [any]
    when: [fresh-login]                    # else they are asked to log in again
)yaml";

const std::string_view init_policy_test_yaml =
    R"yaml(# yaml-language-server: $schema=schemas/policy_test.schema.json
# What the policy must answer. Run: tallygate policy test policy_test.yaml
suite: first
policy: policy.yaml
now: "2026-03-04T10:00:00Z"

principals:
  mia: {groups: [members]}
  ada: {groups: [admins]}
  eve: {groups: []}

contexts:
  just-logged-in: {ip: 203.0.113.9, auth_age: 1m}
  logged-in-long-ago: {ip: 203.0.113.9, auth_age: 3h}

requests:
  page: GET https://@HOST@/pages/7
  save: POST https://@HOST@/pages/7
  admin: GET https://@HOST@/admin/users

tests:
  - name: after a login
    context: just-logged-in
    table:
      columns: [page, save, admin]
      mia: [allow members-use-the-app, allow, deny default]
      ada: [allow, allow, allow admins-administer]
      eve: [deny default, deny, deny]
  - name: administration asks for a fresh login
    context: logged-in-long-ago
    principals: [ada]
    requests: [admin]
    expect: step-up fresh-login
)yaml";

const std::string_view init_users_yaml =
    R"yaml(# Local accounts. A hash for `password` is made by this command, which asks for the password:
#   python3 -c 'import base64,getpass,hashlib,os;s=os.urandom(16);e=lambda b:base64.b64encode(b).decode();print("scrypt$32768$8$1$"+e(s)+"$"+e(hashlib.scrypt(getpass.getpass().encode(),salt=s,n=32768,r=8,p=1,maxmem=2**26,dklen=32)))'
version: 1
users:
  - name: admin
    email: "admin@@HOST@"
    groups: [admins]
    password: "@PASSWORD@"
)yaml";

const std::string_view demo_gateway_yaml =
    R"yaml(# yaml-language-server: $schema=schemas/gateway.schema.json
# Written anew by each `tallygate demo`, since its ports may change. Edit policy.yaml or users.yaml instead.
version: 1
gateway: demo
listen: {https: "127.0.0.1:@HTTPS@", admin: "127.0.0.1:@ADMIN@"}
tls: {certificates: [{cert: tls/cert.pem, key: tls/key.pem}]}
identity: {users: users.yaml, tokens: tokens.yaml}
pages: {title: Harbour, contact: "alice, who wrote the policy"}
policy: policy.yaml
routes:
  - name: harbour
    match: {host: [localhost, 127.0.0.1], path: /**}
    upstream: {servers: ["http://127.0.0.1:@UPSTREAM@"]}
    identity_headers: [jwt, user, email, groups]
audit: {acknowledge: before_upstream, journal: {path: journal/, head: head/}}
log: {level: warning}
)yaml";

const std::string_view demo_policy_yaml =
    R"yaml(# yaml-language-server: $schema=schemas/policy.schema.json
# The policy of `tallygate demo`: change it, then run the demo again. The order of the rules does not matter.
version: 1
policy: harbour

roles:
  visitor: {}
  engineer: {includes: [visitor]}
  contractor: {includes: [visitor]}
  auditor: {includes: [visitor]}
  robot: {includes: [visitor]}

bindings:
  - {role: engineer, groups: [engineers]}
  - {role: contractor, groups: [contractors]}
  - {role: auditor, groups: [auditors]}
  - {role: robot, groups: [robots]}

resources:
  home: {hosts: [localhost, 127.0.0.1], paths: [/, /style.css, /api/me]}
  echo: {hosts: [localhost, 127.0.0.1], paths: [/echo/**]}
  reports: {hosts: [localhost, 127.0.0.1], paths: [/reports/**]}
  admin: {hosts: [localhost, 127.0.0.1], paths: [/admin/**]}
  everything: {hosts: [localhost, 127.0.0.1], paths: [/**]}

conditions:
  fresh-login: {auth_within: 15m}

rules:
  - id: everybody-sees-home
    effect: allow
    roles: [visitor]
    resources: [home]
    methods: [read]
  - id: everybody-sees-echo
    effect: allow
    roles: [visitor]
    resources: [echo]
    methods: [read]
  - id: engineers-and-robots-post
    effect: allow
    roles: [engineer, robot]
    resources: [echo]
    methods: [write]
  - id: reports-for-staff
    effect: allow
    roles: [engineer, auditor, robot]
    resources: [reports]
    methods: [read]
  - id: engineers-administer
    effect: allow
    roles: [engineer]
    resources: [admin]
    methods: [any]
    when: [fresh-login]
  - id: contractors-only-look
    effect: deny
    roles: [contractor]
    resources: [everything]
    methods: [write]
    message: Contractors may look, but not change anything.
)yaml";

const std::string_view demo_policy_test_yaml =
    R"yaml(# yaml-language-server: $schema=schemas/policy_test.schema.json
# Run: tallygate policy test policy_test.yaml
suite: harbour
policy: policy.yaml
now: "2026-03-04T10:00:00Z"

principals:
  alice: {groups: [engineers]}
  bob: {groups: [contractors]}
  carol: {groups: [auditors]}
  robot: {groups: [robots]}
  nobody: {anonymous: true}

contexts:
  fresh: {ip: 127.0.0.1, auth_age: 1m}
  stale: {ip: 127.0.0.1, auth_age: 2h}

requests:
  home: GET https://localhost/
  post: POST https://localhost/echo
  reports: GET https://localhost/reports
  admin: GET https://localhost/admin

tests:
  - name: who may do what
    context: fresh
    table:
      columns: [home, post, reports, admin]
      alice: [allow, allow engineers-and-robots-post, allow, allow engineers-administer]
      bob: [allow everybody-sees-home, deny contractors-only-look, deny default, deny default]
      carol: [allow, deny default, allow reports-for-staff, deny default]
      robot: [allow, allow, allow, deny default]
      nobody: [step-up login, step-up login, step-up login, step-up login]
  - name: administration asks for a fresh login
    context: stale
    principals: [alice]
    requests: [admin]
    expect: step-up fresh-login
  - name: a path trick stays outside
    context: fresh
    principals: [bob]
    raw:
      - {line: "GET /echo/../admin HTTP/1.1", host: localhost}
      - {line: "GET /echo/..%2fadmin HTTP/1.1", host: localhost, expect: reject encoded-slash}
    expect: deny
)yaml";

const std::string_view demo_users_yaml = R"yaml(version: 1
users:
  - {name: alice, email: alice@harbour.example, groups: [engineers], password: "@ALICE@"}
  - {name: bob, email: bob@harbour.example, groups: [contractors], password: "@BOB@"}
  - {name: carol, email: carol@harbour.example, groups: [auditors], password: "@CAROL@"}
)yaml";

const std::string_view demo_tokens_yaml = R"yaml(# Service tokens: the file knows only their SHA-256.
version: 1
tokens:
  - {name: robot, sha256: "@ROBOT@", groups: [robots]}
)yaml";

std::string fill(std::string_view text,
                 std::initializer_list<std::pair<std::string_view, std::string_view>> values) {
  std::string filled{text};
  for (const auto& [name, value] : values) {
    if (filled.find(name) == std::string::npos) {
      throw std::logic_error("no " + std::string(name) + " in an embedded text");
    }
    boost::algorithm::replace_all(filled, name, value);
  }
  return filled;
}

}  // namespace tallygate::cli
