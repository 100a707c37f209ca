//! The token endpoint: what it gives, and each way in which it refuses.

use std::time::Duration;

use defender_response::emulator::{AppSetup, Emulator, Standing, TenantSetup};
use serde_json::{Value, json};

use crate::plain::{Plain, both_fronts, claims, form, on_test_clock, seconds, v2_form};

#[tokio::test]
async fn v2_gives_numbers_and_v1_gives_strings() {
    let (emulator, _listening, clients) = both_fronts().await;
    for client in clients {
        let v2 = client.ask_token(&emulator, &v2_form(&emulator)).await;
        assert_eq!((v2.status, &v2.json["expires_in"]), (200, &json!(3599)), "{}", v2.text);
        assert_eq!(v2.json["token_type"], "Bearer");

        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", emulator.client_id()),
            ("client_secret", emulator.client_secret()),
            ("resource", emulator.audience()),
        ];
        let path = "/corp.example/oauth2/token";
        let v1 = client.send("POST", path, &[], &form(&fields)).await;
        assert_eq!((v1.status, &v1.json["expires_in"]), (200, &json!("3599")), "{}", v1.text);
        assert!(v1.json["expires_on"].is_string() && v1.json["not_before"].is_string());
    }
}

#[tokio::test]
async fn the_token_says_whom_it_is_for_and_what_it_may_do() {
    let emulator = Emulator::new();
    let answer = Plain::in_memory(&emulator).ask_token(&emulator, &v2_form(&emulator)).await;
    let claims = claims(answer.text_at("/access_token"));
    assert_eq!(claims["aud"], emulator.audience());
    assert_eq!(claims["tid"], emulator.tenant_id());
    assert_eq!(claims["appid"], emulator.client_id());
    assert!(
        claims["roles"].as_array().is_some_and(|roles| roles.contains(&json!("Machine.Isolate")))
    );
    assert_eq!(claims["exp"].as_i64(), claims["iat"].as_i64().map(|iat| iat + 3599));
}

#[tokio::test]
async fn an_app_without_roles_gets_a_token_without_the_claim_and_then_403() {
    let tenant = TenantSetup::new("7d3c0e5a-52a7-4f2f-9a55-0c3c8e1c7f10", "bare.example")
        .app(AppSetup::new("1c8e62f0-8bd5-4bd5-9a1b-2f6a4f0d7f2e", "s3cret"));
    let emulator = Emulator::builder().tenant(tenant).build();
    let answer = Plain::in_memory(&emulator).ask_token(&emulator, &v2_form(&emulator)).await;
    let token = answer.text_at("/access_token");
    assert!(claims(token).get("roles").is_none());

    let refused = Plain::in_memory(&emulator).with_token(token).get("/api/machineactions/x").await;
    assert_eq!((refused.status, refused.code()), (403, "Forbidden"));
    assert_eq!(
        refused.text_at("/error/message"),
        "Missing application roles. API required roles: Machine.Read.All,Machine.ReadWrite.All, \
         application roles: ."
    );
}

#[tokio::test]
async fn http_basic_and_a_get_with_a_form_body_are_taken() {
    let (emulator, _listening, clients) = both_fronts().await;
    let secret: Vec<_> =
        emulator.client_secret().bytes().map(|byte| format!("%{byte:02X}")).collect();
    let secret = secret.concat();
    let pair = base64(&format!("{}:{secret}", emulator.client_id()));
    let scope = format!("{}/.default", emulator.audience());
    let path = format!("/{}/OAuth2/v2.0/Token", emulator.tenant_id());
    for client in clients {
        let body = form(&[("grant_type", "client_credentials"), ("scope", &scope)]);
        let headers = [("authorization", format!("Basic {pair}"))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        assert_eq!(client.send("POST", &path, &headers, &body).await.status, 200);
        assert_eq!(client.send("GET", &path, &[], &v2_form(&emulator)).await.status, 200);
    }
}

#[tokio::test]
async fn each_refusal_has_its_number_and_status() {
    let ended = "2020-01-01T00:00:00Z".parse().expect("a time");
    let app = AppSetup::new("1c8e62f0-8bd5-4bd5-9a1b-2f6a4f0d7f2e", "s3cret")
        .secret("old-s3cret", Some(ended));
    let disabled = AppSetup::new("0d9a4b7e-9f1f-43cd-8a56-17a2b9f3cb11", "s3cret").disabled();
    let tenant_id = "7d3c0e5a-52a7-4f2f-9a55-0c3c8e1c7f10";
    let tenant = TenantSetup::new(tenant_id, "bare.example").app(app).app(disabled);
    let unopened = TenantSetup::new("5e0c9c0b-2f7b-4c58-8a90-64ed5d2b8e43", "unopened.example")
        .app(AppSetup::new("1c8e62f0-8bd5-4bd5-9a1b-2f6a4f0d7f2e", "s3cret"))
        .standing(Standing::NoPrincipal);
    let emulator = Emulator::builder().tenant(tenant).tenant(unopened).build();
    let client = Plain::in_memory(&emulator);

    let app = "1c8e62f0-8bd5-4bd5-9a1b-2f6a4f0d7f2e";
    let scope = "https://api.securitycenter.microsoft.com/.default";
    let good = [
        ("grant_type", "client_credentials"),
        ("client_id", app),
        ("client_secret", "s3cret"),
        ("scope", scope),
    ];
    let cases: &[(&str, &str, &str, u64, u16, &str)] = &[
        (tenant_id, "client_secret", "wrong", 7_000_215, 401, "invalid_client"),
        (tenant_id, "client_secret", "old-s3cret", 7_000_222, 401, "invalid_client"),
        (tenant_id, "client_secret", "", 7_000_218, 401, "invalid_client"),
        (tenant_id, "client_id", tenant_id, 700_016, 400, "unauthorized_client"),
        (
            tenant_id,
            "client_id",
            "0d9a4b7e-9f1f-43cd-8a56-17a2b9f3cb11",
            7_000_112,
            400,
            "unauthorized_client",
        ),
        (tenant_id, "client_id", "", 900_144, 400, "invalid_request"),
        (tenant_id, "grant_type", "", 900_144, 400, "invalid_request"),
        (tenant_id, "grant_type", "password", 70003, 400, "unsupported_grant_type"),
        (tenant_id, "scope", "", 900_144, 400, "invalid_request"),
        (
            tenant_id,
            "scope",
            "https://api.securitycenter.microsoft.com",
            70011,
            400,
            "invalid_scope",
        ),
        (
            tenant_id,
            "scope",
            "https://api-eu.securitycenter.microsoft.com/.default",
            500_011,
            400,
            "invalid_resource",
        ),
        (
            tenant_id,
            "scope",
            "https://a.example/.default https://b.example/.default",
            700_022,
            400,
            "invalid_request",
        ),
        (tenant_id, "resource", scope, 901_002, 400, "invalid_request"),
        ("unopened.example", "scope", scope, 500_011, 400, "invalid_resource"),
        ("nowhere.example", "scope", scope, 90002, 400, "invalid_request"),
        ("common", "scope", scope, 9_001_023, 400, "invalid_request"),
    ];
    for (tenant, field, value, code, status, error) in cases {
        let mut fields: Vec<_> = good.into_iter().filter(|(name, _)| name != field).collect();
        fields.push((field, value));
        let path = format!("/{tenant}/oauth2/v2.0/token");
        let answer = client.send("POST", &path, &[], &form(&fields)).await;
        assert_eq!(answer.json["error_codes"], json!([code]), "{field}={value}: {}", answer.text);
        assert_eq!((answer.status, answer.text_at("/error")), (*status, *error), "{code}");
        assert!(answer.text_at("/error_description").starts_with(&format!("AADSTS{code}: ")));
        assert!(answer.text_at("/error_description").contains("\r\nTrace ID: "));
    }
}

#[tokio::test]
async fn v1_takes_the_suffix_of_v2_for_part_of_the_name() {
    let emulator = Emulator::new();
    let fields = v2_form(&emulator).replace("scope=", "resource=");
    let path = format!("/{}/oauth2/token", emulator.tenant_id());
    let answer = Plain::in_memory(&emulator).send("POST", &path, &[], &fields).await;
    assert_eq!(answer.json["error_codes"], json!([500_011]));
}

#[tokio::test(start_paused = true)]
async fn a_token_ends_when_it_says() {
    let tenant = TenantSetup::new("7d3c0e5a-52a7-4f2f-9a55-0c3c8e1c7f10", "brief.example").app(
        AppSetup::new("1c8e62f0-8bd5-4bd5-9a1b-2f6a4f0d7f2e", "s3cret")
            .roles(["Machine.Read.All"])
            .token_lifetime(Duration::from_secs(60)),
    );
    let emulator = on_test_clock(Emulator::builder().tenant(tenant));
    let client = Plain::signed_in(&emulator).await;
    seconds(59).await;
    assert_eq!(client.get("/api/machines/nobody").await.status, 404);
    seconds(1).await;
    let refused = client.get("/api/machines/nobody").await;
    assert_eq!((refused.status, refused.code()), (401, "Unauthorized"));
}

#[tokio::test]
async fn a_token_for_another_api_or_none_or_nonsense_is_401() {
    let emulator = Emulator::new();
    let client = Plain::in_memory(&emulator);
    let graph =
        v2_form(&emulator).replace("api.securitycenter.microsoft.com", "graph.microsoft.com");
    let answer = client.ask_token(&emulator, &graph).await;
    assert_eq!(answer.status, 200);
    let other = client.clone().with_token(answer.text_at("/access_token"));
    for client in [client.clone(), client.with_token("e30.e30.x"), other] {
        let refused = client.get("/api/machines/nobody").await;
        assert_eq!((refused.status, refused.code()), (401, "Unauthorized"));
        assert!(refused.json["error"].get("target").is_none());
    }
}

#[tokio::test]
async fn unlicensed_tenants_get_tokens_and_then_401() {
    for (standing, reason) in [
        (Standing::Inactive, "Unauthorized request - reason of failure: Account mode is inactive"),
        (Standing::NotProvisioned, "Unauthorized request - Account is not provisioned."),
    ] {
        let app = AppSetup::new("1c8e62f0-8bd5-4bd5-9a1b-2f6a4f0d7f2e", "s3cret");
        let tenant = TenantSetup::new("7d3c0e5a-52a7-4f2f-9a55-0c3c8e1c7f10", "bare.example");
        let emulator = Emulator::builder().tenant(tenant.app(app).standing(standing)).build();
        let refused = Plain::signed_in(&emulator).await.get("/api/machines/nobody").await;
        assert_eq!((refused.status, refused.text_at("/error/message")), (401, reason));
    }
}

#[tokio::test(start_paused = true)]
async fn an_assertion_stands_for_a_secret_if_its_claims_are_right() {
    let (tenant_id, app) =
        ("7d3c0e5a-52a7-4f2f-9a55-0c3c8e1c7f10", "1c8e62f0-8bd5-4bd5-9a1b-2f6a4f0d7f2e");
    let setup = AppSetup::new(app, "s3cret").certificate("thumb").federation(
        "https://k8s.example",
        "pod",
        "api://x",
    );
    let tenant = TenantSetup::new(tenant_id, "bare.example").app(setup);
    let emulator = on_test_clock(Emulator::builder().tenant(tenant));
    let client = Plain::in_memory(&emulator);
    let audience = format!("https://login.emulated.example/{tenant_id}/oauth2/v2.0/token");
    let own = json!({"iss": app, "sub": app, "aud": audience, "nbf": 1_772_334_000, "exp": 1_772_334_600});
    let pod =
        json!({"iss": "https://k8s.example", "sub": "pod", "aud": "api://x", "exp": 1_772_334_600});
    let with = |claims: &Value, name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        claims
    };
    let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": "thumb"});
    for (header, claims, code) in [
        (&header, own.clone(), 0),
        (&json!({"alg": "RS256", "x5t": "thumb"}), own.clone(), 0),
        (&header, pod.clone(), 0),
        (&json!({"alg": "PS256", "x5t#S256": "another"}), own.clone(), 700_027),
        (&header, with(&own, "aud", json!("https://login.emulated.example/common/v2.0")), 700_027),
        (&header, with(&own, "sub", json!("pod")), 700_027),
        (&header, with(&own, "exp", json!(1_772_333_000)), 500_133),
        (&header, with(&own, "nbf", json!(1_772_335_000)), 500_133),
        (&header, with(&pod, "sub", json!("Pod")), 700_213),
    ] {
        let url = |text: &str| base64(text).replace('+', "-").replace('/', "_").replace('=', "");
        let assertion = format!("{}.{}.c2ln", url(&header.to_string()), url(&claims.to_string()));
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", app),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion.as_str()),
            ("scope", "https://api.securitycenter.microsoft.com/.default"),
        ];
        let answer = client.ask_token(&emulator, &form(&fields)).await;
        let found = answer.json["error_codes"][0].as_u64().unwrap_or(0);
        assert_eq!(found, code, "{claims}: {}", answer.text);
    }
}

#[tokio::test]
async fn government_audiences_are_known_as_switched() {
    let emulator = Emulator::new();
    let client = Plain::in_memory(&emulator);
    let ask = async |audience: &str| {
        let form = v2_form(&emulator).replace("api.securitycenter.microsoft.com", audience);
        client.ask_token(&emulator, &form).await.status
    };
    let (principal, base) = (
        "securitycenter.onmicrosoft.us%2Fwindowsatpservice",
        "api-gov.securitycenter.microsoft.us",
    );
    for (value, statuses) in [
        ("none", [400, 400]),
        ("principal", [200, 400]),
        ("base", [400, 200]),
        ("both", [200, 200]),
    ] {
        emulator.set("gov_audience", value).expect("a switch");
        assert_eq!([ask(principal).await, ask(base).await], statuses, "{value}");
    }
}

fn base64(text: &str) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte));
        let bits = bits << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            let index = (bits >> (18 - 6 * place)) & 63;
            out.push(char::from(alphabet[index as usize]));
        }
    }
    out + ["", "==", "="][text.len() % 3]
}
