// What people's tokens, sessions and browsers look like: members of RFC 7519 and OpenID Connect Core §5.1,
// those that widespread providers add, and user agents. What is likeliest stands last, where it costs least
// to point at.

#include "audit/sealing/packing.hpp"

namespace tallygate::audit {

std::string_view packing_dictionary() noexcept {
  return R"(curl/8.9.1 okhttp/4.12.0 python-requests/2.32.3 Go-http-client/2.0 git/2.39.5 kubectl/v1.30.0 )"
         R"((linux/amd64) PostmanRuntime/7.42.0 Mozilla/5.0 (iPhone; CPU iPhone OS 17_6_1 like Mac OS X) )"
         R"(AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1 Mozilla/5.0 (Linux; )"
         R"(Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Mobile Safari/537.36 )"
         R"(Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) )"
         R"(Version/17.6 Safari/605.1.15 Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 )"
         R"(Firefox/128.0 Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) )"
         R"(Chrome/128.0.0.0 Safari/537.36 Edg/128.0.0.0"}}"realm_access":{"roles":["offline_access",)"
         R"("uma_authorization","default-roles-"],"resource_access":{"account":{"roles":["manage-account",)"
         R"("view-profile"]}},"scope":"openid profile email groups offline_access","session_state":"",)"
         R"("allowed-origins":["https://"],"acr":"1","amr":["pwd","otp","mfa","hwk"],"appid":"","at_hash":"",)"
         R"("auth_time":1,"azp":"","c_hash":"","client_id":"","department":"engineering","employeeid":"",)"
         R"("email_verified":true,"entitlements":["","exp":1,"family_name":"","given_name":"","hd":"","iat":1,)"
         R"("idp":"","ipaddr":"","jti":"","locale":"en-US","middle_name":"","name":"","nbf":1,"nickname":"",)"
         R"("nonce":"","oid":"","phone_number":"+1","picture":"https://","profile":"","rh":"","sid":"","tenant":"",)"
         R"("tid":"","typ":"Bearer","unique_name":"","updated_at":1,"upn":"","uti":"","ver":"2.0",)"
         R"("website":"https://www.","wids":["","zoneinfo":"Europe/","certificate":"","user_agent_bytes":"",)"
         R"("client":{"address":"192.168.1.10","peer":"10.0.0.1","user_agent":"","address":"172.16.0.2001:db8::)"
         R"("method":"local","method":"oidc","method":"mtls","method":"service","method":"anonymous",)"
         R"({"actor":{"age_s":1,"claims":{"aud":"https://login.microsoftonline.com/","email":"@gmail.com",)"
         R"("groups":["admins","developers","users"],"iss":"https://accounts.google.com/realms/",)"
         R"("preferred_username":"","roles":["admin","user"],"sub":""},"email":"@example.com","groups":[""],)"
         R"("issuer":"https://auth.example.com","method":"token","subject":"","user":""},"client":{"address":"")";
}

}  // namespace tallygate::audit
