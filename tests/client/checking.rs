//! The pre-flight: over the permission lists that integrators publish, and under each of its headings.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use defender_response::emulator::Emulator;
use defender_response::{
    Access, Check, Client, ClientSecret, Heading, Timestamp, Token, TokenError, TokenErrorKind,
    TokenRequest, TokenSource, TransportError,
};

use crate::script::{MACHINE, Script, TENANT, answer, error, json};

/// A source whose token holds these claims.
struct Holding(String);

impl Holding {
    fn roles(roles: &str) -> Self {
        let roles: Vec<_> = roles.split(", ").map(|role| format!("{role:?}")).collect();
        Self::claims(&format!(r#"{{"roles":[{}]}}"#, roles.join(",")))
    }

    fn claims(claims: &str) -> Self {
        Self(format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims)))
    }
}

#[async_trait::async_trait]
impl TokenSource for Holding {
    async fn fetch(&self, _: &TokenRequest<'_>) -> Result<Token, TokenError> {
        Ok(Token::new(&*self.0, Duration::from_secs(3600)))
    }

    fn tenant(&self) -> Option<&str> {
        Some(TENANT)
    }

    fn expires(&self) -> Option<Timestamp> {
        Some("2100-01-01T00:00:00Z".parse().unwrap())
    }
}

fn one_machine() -> Script {
    Script::new().then(json(200, &format!(r#"{{"value":[{{"id":"{MACHINE}"}}]}}"#)))
}

async fn check(source: impl TokenSource + 'static, script: Script) -> Check {
    Client::builder(source).transport(script).build().unwrap().check().await
}

fn access<'a>(check: &'a Check, operation: &str) -> &'a Access {
    check.operations.iter().find(|access| access.operation == operation).unwrap()
}

/// What may be done, as `submit/observe/reconcile` in letters.
fn may(check: &Check, operation: &str) -> String {
    let access = access(check, operation);
    let letter = |allowed: bool| if allowed { 'y' } else { 'n' };
    [access.submit.is_ok(), access.observe.is_ok(), access.reconcile.is_ok()]
        .map(letter)
        .iter()
        .collect()
}

const SEKOIA: &str = "Machine.Isolate, Machine.Offboard, Machine.Read.All, Machine.RestrictExecution, Machine.Scan, \
    Machine.StopAndQuarantine, Ti.Read.All, Ti.ReadWrite, Ti.ReadWrite.All, Alert.ReadWrite.All";
const MD_ECO_READER: &str = "Machine.Read.All, Vulnerability.Read.All, Software.Read.All, User.Read.All, AdvancedQuery.Read.All";
const MD_ECO_WRITER: &str = "Machine.Isolate, Machine.Scan";
const HUNTRESS: &str = "AdvancedQuery.Read.All, Alert.ReadWrite.All, Event.Write, File.Read.All, \
    IntegrationConfiguration.ReadWrite.All, Ip.Read.All, Library.Manage, Machine.Collectforensics, Machine.Isolate, \
    Machine.ReadWrite.All, Machine.RestrictExecution, Machine.scan, RemediationTasks.Read.All, Score.Read.All, \
    SecurityBaselinesAssessment.Read.All, SecurityConfiguration.ReadWrite.All, SecurityRecommendations.Read.All, \
    Software.Read.All, Ti.ReadWrite.All, Url.Read.All, User.Read.All, Vulnerability.Read.All";
const RAD: &str = "AdvancedQuery.Read.All, Alert.Read.All, Machine.Isolate, Machine.Read.All, Score.Read.All, Software.Read.All";

#[tokio::test(start_paused = true)]
async fn the_lists_of_integrators_allow_what_they_need() {
    let rows = [
        (
            SEKOIA,
            [
                ("isolate", "yyy"),
                ("scan", "yyy"),
                ("restrict_code_execution", "yyy"),
                ("update_alert", "yyy"),
                ("import_indicators", "yyy"),
                ("cancel_machine_action", "yyy"),
            ],
        ),
        (
            MD_ECO_READER,
            [
                ("isolate", "nyy"),
                ("scan", "nyy"),
                ("restrict_code_execution", "nyy"),
                ("update_alert", "nnn"),
                ("import_indicators", "nnn"),
                ("cancel_machine_action", "nyy"),
            ],
        ),
        (
            MD_ECO_WRITER,
            [
                ("isolate", "ynn"),
                ("scan", "ynn"),
                ("restrict_code_execution", "nnn"),
                ("update_alert", "nnn"),
                ("import_indicators", "nnn"),
                ("cancel_machine_action", "ynn"),
            ],
        ),
        (
            HUNTRESS,
            [
                ("isolate", "yyy"),
                ("scan", "yyy"),
                ("restrict_code_execution", "yyy"),
                ("update_alert", "yyy"),
                ("import_indicators", "yyy"),
                ("cancel_machine_action", "yyy"),
            ],
        ),
        (
            RAD,
            [
                ("isolate", "yyy"),
                ("scan", "nyy"),
                ("restrict_code_execution", "nyy"),
                ("update_alert", "nyy"),
                ("import_indicators", "nnn"),
                ("cancel_machine_action", "yyy"),
            ],
        ),
    ];
    for (roles, expected) in rows {
        let check = check(Holding::roles(roles), one_machine()).await;
        for (operation, answer) in expected {
            assert_eq!(may(&check, operation), answer, "{operation} by {roles}");
        }
        assert!(check.is_ready(), "{roles}: {check}");
    }
    let check = check(Holding::roles(SEKOIA), one_machine()).await;
    assert_eq!(
        check.excess_roles,
        ["Machine.Offboard", "Ti.ReadWrite.All", "Machine.StopAndQuarantine", "Ti.Read.All"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_writer_and_a_reader_make_one_whole() {
    let client = Client::builder(Holding::roles(MD_ECO_WRITER))
        .reader(Holding::roles(MD_ECO_READER))
        .transport(one_machine())
        .build()
        .unwrap();
    let check = client.check().await;
    assert_eq!(may(&check, "isolate"), "yyy");
    assert_eq!(may(&check, "get_machine"), "yyy");
    assert_eq!(
        access(&check, "restrict_code_execution").submit,
        Err(&["Machine.RestrictExecution"][..])
    );
    let page = check.to_string();
    assert!(
        page.contains("writer")
            && page.contains("reader")
            && page.contains("to submit: Machine.RestrictExecution"),
        "{page}"
    );
}

#[tokio::test(start_paused = true)]
async fn reads_go_by_the_reader_and_changes_by_the_writer() {
    use defender_response::emulator::AppSetup;
    let (writer, reader) =
        ("11111111-2222-4333-8444-555555555555", "99999999-2222-4333-8444-555555555555");
    let emulator = Emulator::builder()
        .app(AppSetup::new(writer, "w").name("writer").roles(["Machine.Isolate"]))
        .app(AppSetup::new(reader, "r").name("reader").roles(["Machine.Read.All"]))
        .build();
    let client = Client::builder(ClientSecret::new(emulator.tenant_id(), writer, "w"))
        .reader(ClientSecret::new(emulator.tenant_id(), reader, "r"))
        .transport(emulator.transport())
        .build()
        .unwrap();
    let machine = client.machines().by_name("ws-042.corp.example").await.unwrap();
    let action = client
        .machine(&machine.id)
        .isolate(defender_response::IsolationType::Full, "c")
        .await
        .unwrap();
    assert_eq!(action.action().requestor.as_deref(), Some("writer"));
    action.get().await.unwrap();
    assert_eq!(emulator.stats().token_requests, 2);

    let other = ClientSecret::new("33333333-2222-4333-8444-555555555555", reader, "r");
    let mixed =
        Client::builder(ClientSecret::new(emulator.tenant_id(), writer, "w")).reader(other).build();
    assert!(mixed.unwrap_err().to_string().contains("both have to be of one"));
}

#[tokio::test(start_paused = true)]
async fn a_writer_and_a_reader_of_two_tenants_change_nothing() {
    struct Nameless(Holding);

    #[async_trait::async_trait]
    impl TokenSource for Nameless {
        async fn fetch(&self, ask: &TokenRequest<'_>) -> Result<Token, TokenError> {
            self.0.fetch(ask).await
        }
    }

    let of = |tenant: &str| {
        Holding::claims(&format!(
            r#"{{"tid":"{tenant}","roles":["Machine.Isolate","Machine.Read.All"]}}"#
        ))
    };
    let script = one_machine();
    let client = Client::builder(Nameless(of(TENANT)))
        .reader(Nameless(of("99999999-0000-4000-8000-1a2b3c4d5e6f")))
        .transport(script.clone())
        .build()
        .unwrap();
    let check = client.check().await;
    assert!(check.findings.iter().any(|finding| finding.cause.contains("two tenants")), "{check}");
    let sent = script.sent().len();
    let machine: defender_response::MachineId = MACHINE.parse().unwrap();
    let told = client
        .machine(machine)
        .isolate(defender_response::IsolationType::Full, "c")
        .await
        .unwrap_err();
    assert!(
        told.is_configuration() && told.to_string().contains("both have to be of one"),
        "{told}"
    );
    assert_eq!(script.sent().len(), sent);
}

async fn only_finding(source: impl TokenSource + 'static, script: Script) -> (Heading, String) {
    let check = check(source, script).await;
    assert_eq!(check.findings.len(), 1, "{check}");
    let finding = &check.findings[0];
    (finding.heading, format!("{} → {}", finding.cause, finding.fix))
}

#[tokio::test(start_paused = true)]
async fn each_heading_says_cause_and_fix() {
    let roles = || Holding::roles(RAD);
    let empty = || Script::new().then(json(200, r#"{"value":[]}"#));
    let (heading, text) = only_finding(roles(), empty()).await;
    assert!(heading == Heading::NoData && text.contains("onboard a device"), "{text}");

    let inactive = Script::new().then(error(401, "Unauthorized", "Account mode is inactive"));
    let (heading, text) = only_finding(roles(), inactive).await;
    assert!(heading == Heading::NoData && text.contains("active Defender"), "{text}");

    let lacking = error(
        403,
        "Forbidden",
        "Missing application roles. API required roles: Machine.Read.All, application roles: X.",
    );
    let (heading, text) = only_finding(roles(), Script::new().then(lacking)).await;
    assert!(
        heading == Heading::InsufficientPermissions && text.contains("grant Machine.Read.All"),
        "{text}"
    );

    let unresolved = Script::new().then(Err(TransportError::not_sent("dns error")));
    let (heading, text) = only_finding(roles(), unresolved).await;
    assert!(
        heading == Heading::WrongApiEndpoint
            && text.contains("gcc-high")
            && text.contains("without /api"),
        "{text}"
    );

    let proxy = Script::new().then(answer(200, "text/html", "<html>"));
    assert_eq!(only_finding(roles(), proxy).await.0, Heading::WrongApiEndpoint);

    let (heading, text) = only_finding(Holding::claims("{}"), one_machine()).await;
    assert_eq!(heading, Heading::InsufficientPermissions);
    assert!(text.contains("application type") && text.contains("consent"), "both causes: {text}");

    let (heading, text) =
        only_finding(Holding::claims(r#"{"scp":"Machine.Isolate"}"#), one_machine()).await;
    assert!(heading == Heading::PermissionScope && text.contains("delegated"), "{text}");

    let other = Holding::claims(
        r#"{"tid":"99999999-0000-4000-8000-1a2b3c4d5e6f","roles":["Machine.Isolate"]}"#,
    );
    assert_eq!(only_finding(other, one_machine()).await.0, Heading::AuthenticationFailed);
    let other =
        Holding::claims(r#"{"aud":"https://graph.microsoft.com","roles":["Machine.Isolate"]}"#);
    assert_eq!(only_finding(other, one_machine()).await.0, Heading::WrongApiEndpoint);
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_that_fails_is_told_with_its_advice() {
    struct Failing(TokenErrorKind);

    #[async_trait::async_trait]
    impl TokenSource for Failing {
        async fn fetch(&self, _: &TokenRequest<'_>) -> Result<Token, TokenError> {
            Err(TokenError::new(self.0, "AADSTS as it says"))
        }
    }

    for (kind, heading) in [
        (TokenErrorKind::WrongSecret, Heading::AuthenticationFailed),
        (TokenErrorKind::NotConsented, Heading::InsufficientPermissions),
        (TokenErrorKind::NotProvisioned, Heading::NoData),
        (TokenErrorKind::WrongCloud, Heading::WrongApiEndpoint),
        (TokenErrorKind::Transient, Heading::WrongApiEndpoint),
    ] {
        let (found, text) = only_finding(Failing(kind), Script::new()).await;
        assert_eq!(found, heading, "{kind:?}");
        assert!(text.contains("AADSTS as it says"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_ends_soon_is_worth_a_word() {
    struct Ending(Holding);

    #[async_trait::async_trait]
    impl TokenSource for Ending {
        async fn fetch(&self, ask: &TokenRequest<'_>) -> Result<Token, TokenError> {
            self.0.fetch(ask).await
        }

        fn expires(&self) -> Option<Timestamp> {
            let now: Timestamp = std::time::SystemTime::now().into();
            Some(now.plus(Duration::from_secs(9 * 86_400 + 60)))
        }
    }

    let (heading, text) = only_finding(Ending(Holding::roles(RAD)), one_machine()).await;
    assert!(heading == Heading::AuthenticationFailed && text.contains("in 9 days"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn the_probe_tells_permission_by_a_machine_that_does_not_exist() {
    let emulator = Emulator::new();
    let client = || {
        let secret =
            ClientSecret::new(emulator.tenant_id(), emulator.client_id(), emulator.client_secret());
        Client::builder(secret).transport(emulator.transport()).build().unwrap()
    };
    assert!(client().probe().await.unwrap());
    emulator.set_roles(emulator.client_id(), &["Machine.Read.All"]);
    assert!(!client().probe().await.unwrap());
    assert!(emulator.actions().is_empty());
}
