//! One process and many customers: each apart from the others, each under one label.

use std::sync::Arc;
use std::time::Duration;

use defender_response::emulator::{AppSetup, Emulator, MachineSetup, Standing, TenantSetup};
use defender_response::model::{AlertStatus, Classification, Determination};
use defender_response::{
    ClientSecret, ClosingPolicy, Connection, ConsentOutcome, ConsentRequest, Guard, IsolationType,
    Limit, Region, TenantSettings, Tenants, TestClock, Token, TokenError, TokenRequest,
    TokenSource,
};
use tokio::task::JoinSet;

const APP: &str = "11111111-2222-4333-8444-555555555555";
const HOST: &str = "ws-1.customer.example";

fn tenant_id(number: usize) -> String {
    format!("{number:08x}-0000-4000-8000-1a2b3c4d5e6f")
}

fn customer(number: usize, app: AppSetup) -> TenantSetup {
    TenantSetup::new(tenant_id(number), format!("customer-{number}.example"))
        .app(app)
        .machine(MachineSetup::new(HOST))
}

fn app() -> AppSetup {
    AppSetup::new(APP, "s3cret").roles(["Machine.Read.All", "Alert.ReadWrite.All"])
}

fn integrator(emulator: &Emulator) -> Tenants {
    Tenants::builder(|tenant| ClientSecret::new(tenant, APP, "s3cret"))
        .transport(emulator.transport())
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_thousand_tenants_sign_in_once_each() {
    let mut builder = Emulator::builder().set("quota", "off").unwrap();
    for number in 0..1000 {
        builder = builder.tenant(customer(number, app()));
    }
    let emulator = builder.build();
    let tenants = integrator(&emulator);
    let mut calls = JoinSet::new();
    for number in 0..1000 {
        let label = format!("customer-{number}");
        tenants.add(&label, tenant_id(number), TenantSettings::new()).unwrap();
        for _ in 0..3 {
            let client = tenants.client(&label).unwrap();
            calls.spawn(async move { client.machines().by_name(HOST).await });
        }
    }
    let outcomes = calls.join_all().await;
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(emulator.stats().token_requests, 1000);
}

#[tokio::test(start_paused = true)]
async fn a_hung_or_broken_tenant_harms_no_other() {
    struct Mixed(ClientSecret, bool);

    #[async_trait::async_trait]
    impl TokenSource for Mixed {
        async fn fetch(&self, ask: &TokenRequest<'_>) -> Result<Token, TokenError> {
            if self.1 { std::future::pending().await } else { self.0.fetch(ask).await }
        }
    }

    let emulator =
        Emulator::builder().tenant(customer(1, app())).tenant(customer(2, app())).build();
    let hung = tenant_id(2);
    let tenants = Tenants::builder(move |tenant| {
        Mixed(ClientSecret::new(tenant, APP, "s3cret"), *tenant == *hung)
    })
    .transport(emulator.transport())
    .build()
    .unwrap();
    tenants.add("well", tenant_id(1), TenantSettings::new()).unwrap();
    tenants.add("hung", tenant_id(2), TenantSettings::new()).unwrap();
    tenants.add("unknown", tenant_id(3), TenantSettings::new()).unwrap();
    let waiting = tenants.client("hung").unwrap();
    let waiting = tokio::spawn(async move { waiting.machines().by_name(HOST).await });
    tokio::task::yield_now().await;
    assert!(
        tenants.client("unknown").unwrap().machines().by_name(HOST).await.unwrap_err().is_sign_in()
    );
    let well = tenants.client("well").unwrap();
    tokio::time::timeout(Duration::from_millis(1), well.machines().by_name(HOST))
        .await
        .unwrap()
        .unwrap();
    assert!(waiting.await.unwrap().unwrap_err().is_sign_in());
}

#[tokio::test]
async fn each_tenant_is_under_one_label() {
    let tenants = integrator(&Emulator::new());
    tenants.add("one", tenant_id(1), TenantSettings::new()).unwrap();
    let taken = tenants.add("one", tenant_id(2), TenantSettings::new()).unwrap_err();
    assert!(taken.is_conflict() && taken.to_string().contains("is taken"), "{taken}");
    let twice = tenants.add("two", tenant_id(1).to_uppercase(), TenantSettings::new()).unwrap_err();
    assert!(twice.is_conflict() && twice.to_string().contains("\"one\""), "{twice}");
    assert!(tenants.add("bad", "../x", TenantSettings::new()).unwrap_err().is_configuration());
    assert!(tenants.client("three").unwrap_err().is_configuration());
    tenants.remove("one");
    tenants.add("two", tenant_id(1), TenantSettings::new()).unwrap();
    assert_eq!(tenants.labels(), ["two"]);
}

#[tokio::test(start_paused = true)]
async fn clients_are_made_on_demand_and_dropped_when_idle() {
    let clock = Arc::new(TestClock::starting_at("2026-03-01T03:00:00Z".parse().unwrap()));
    let tenants = Tenants::builder(|tenant| ClientSecret::new(tenant, APP, "s3cret"))
        .transport(Emulator::new().transport())
        .clock(clock)
        .idle_after(Duration::from_secs(600))
        .build()
        .unwrap();
    for number in 0..10 {
        tenants
            .add(format!("customer-{number}"), tenant_id(number), TenantSettings::new())
            .unwrap();
    }
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_secs(60)).await;
        tenants.client("customer-3").unwrap();
    }
    assert_eq!(tenants.ready(), 1);
    let held = tenants.client("customer-4").unwrap();
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_secs(60)).await;
        tenants.client("customer-3").unwrap();
    }
    assert_eq!(tenants.ready(), 2, "one that somebody holds isn't made a second time");
    drop(held);
}

#[tokio::test]
async fn a_tenants_own_settings_win_over_the_defaults() {
    let tenants = Tenants::builder(|tenant| ClientSecret::new(tenant, APP, "s3cret"))
        .defaults(
            TenantSettings::new().base_url("https://base.example").closing(ClosingPolicy::Comment),
        )
        .build()
        .unwrap();
    tenants.add("default", tenant_id(1), TenantSettings::new()).unwrap();
    let own =
        TenantSettings::new().region(Region::GccHigh).closing(ClosingPolicy::ResolveAndComment);
    tenants.add("own", tenant_id(2), own).unwrap();
    assert_eq!(tenants.client("default").unwrap().base_url().as_str(), "https://base.example/");
    let own = tenants.client("own").unwrap();
    assert_eq!(own.base_url().as_str(), "https://api-gov.securitycenter.microsoft.us/");
    assert!(own.audience().contains("api-gov"), "a region of its own brings its own audience");
    assert_eq!(tenants.settings("default").unwrap().closing_policy(), ClosingPolicy::Comment);
    assert_eq!(tenants.settings("own").unwrap().closing_policy(), ClosingPolicy::ResolveAndComment);
    assert_eq!(TenantSettings::new().closing_policy(), ClosingPolicy::Leave);
}

#[tokio::test(start_paused = true)]
async fn the_closing_policy_does_what_it_says() {
    for (policy, comments, status) in [
        (ClosingPolicy::Leave, 0, AlertStatus::New),
        (ClosingPolicy::Comment, 1, AlertStatus::New),
        (ClosingPolicy::ResolveAndComment, 1, AlertStatus::Resolved),
    ] {
        let emulator = Emulator::new();
        let secret =
            ClientSecret::new(emulator.tenant_id(), emulator.client_id(), emulator.client_secret());
        let client = defender_response::Client::builder(secret)
            .transport(emulator.transport())
            .build()
            .unwrap();
        let alert =
            client.alert(emulator.alerts()[0].parse::<defender_response::AlertId>().unwrap());
        let verdict = (Classification::TruePositive, Determination::Malware);
        let updated = policy.apply(&alert, "INC-4711 closed", verdict).await.unwrap();
        assert_eq!(updated.is_some(), policy != ClosingPolicy::Leave);
        let now = alert.get().await.unwrap();
        assert_eq!((now.comments.len(), now.status), (comments, status), "{policy:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_connected_pending_revoked_or_unlicensed() {
    let nothing_granted = AppSetup::new(APP, "s3cret");
    let emulator = Emulator::builder()
        .tenant(customer(1, app()))
        .tenant(customer(2, nothing_granted))
        .tenant(customer(3, app()).standing(Standing::Inactive))
        .tenant(customer(4, AppSetup::new("99999999-2222-4333-8444-555555555555", "x")))
        .build();
    let tenants = integrator(&emulator);
    for number in 1..=5 {
        tenants.add(number.to_string(), tenant_id(number), TenantSettings::new()).unwrap();
    }
    assert_eq!(tenants.connection("1").await.unwrap(), Connection::Connected);
    assert_eq!(tenants.connection("2").await.unwrap(), Connection::ConsentPending);
    assert_eq!(tenants.connection("3").await.unwrap(), Connection::Unlicensed);
    assert_eq!(tenants.connection("4").await.unwrap(), Connection::ConsentPending);
    assert!(tenants.connection("5").await.unwrap_err().is_sign_in(), "there is no such tenant");

    emulator.set_roles(APP, &[]);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(tenants.connection("1").await.unwrap(), Connection::Revoked);
}

#[test]
fn a_consent_callback_is_believed_only_with_its_state() {
    let redirect = "https://soc.example/connected?customer=1&x=a b";
    let request = ConsentRequest::new(Region::GccHigh, APP, redirect).unwrap();
    assert_eq!(request.url().host_str(), Some("login.microsoftonline.us"));
    assert_eq!(request.url().path(), "/common/adminconsent");
    let sent: Vec<_> = request.url().query_pairs().collect();
    assert!(sent.iter().any(|(name, value)| name == "redirect_uri" && value == redirect));
    assert!(sent.iter().any(|(name, value)| name == "state" && value == request.state()));
    assert_ne!(
        ConsentRequest::new(Region::Global, APP, redirect).unwrap().state(),
        request.state()
    );
    assert!(!format!("{request:?}").contains(request.state()));

    let state = request.state();
    let outcome = |query: String| {
        ConsentRequest::outcome(&format!("https://soc.example/connected?{query}"), state)
    };
    let id = tenant_id(7);
    let granted = outcome(format!("admin_consent=True&tenant={id}&state={state}")).unwrap();
    assert_eq!(granted, ConsentOutcome::Granted { tenant: id.clone() });
    let refused =
        outcome(format!("error=access_denied&error_description=AADSTS65004%3A+no&state={state}"))
            .unwrap();
    assert!(
        matches!(refused, ConsentOutcome::Refused { reason } if reason.contains("AADSTS65004: no"))
    );

    for query in [
        format!("admin_consent=True&tenant={id}"),
        format!("admin_consent=True&tenant={id}&state=other"),
        format!("admin_consent=True&tenant={id}&state={state}&state=other"),
    ] {
        assert!(outcome(query.clone()).unwrap_err().is_conflict(), "{query}");
    }
    for query in [
        format!("state={state}"),
        format!("admin_consent=False&tenant={id}&state={state}"),
        format!("admin_consent=True&tenant=common&state={state}"),
    ] {
        assert!(outcome(query.clone()).unwrap_err().is_invalid_input(), "{query}");
    }
    assert!(ConsentRequest::outcome("not a url", state).unwrap_err().is_invalid_input());
    assert!(ConsentRequest::outcome("https://soc.example/?state=", "").unwrap_err().is_conflict());
    assert!(ConsentRequest::new(Region::Global, "app", redirect).is_err());
    assert!(ConsentRequest::new(Region::Global, APP, "http://soc.example").is_err());
    assert!(ConsentRequest::new(Region::Global, APP, "http://localhost:8080/x").is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_was_idle_has_not_forgotten_what_its_limits_counted() {
    let clock = Arc::new(TestClock::starting_at("2026-03-01T03:00:00Z".parse().unwrap()));
    let roles = AppSetup::new(APP, "s3cret").roles(["Machine.Read.All", "Machine.Isolate"]);
    let machines = (2..=4).map(|n| MachineSetup::new(format!("ws-{n}.customer.example")));
    let emulator = Emulator::builder()
        .clock(clock.clone())
        .tenant(customer(1, roles).machines(machines))
        .tenant(customer(2, app()))
        .build();
    let tenants = Tenants::builder(|tenant| ClientSecret::new(tenant, APP, "s3cret"))
        .transport(emulator.transport())
        .clock(clock)
        .idle_after(Duration::from_secs(600))
        .build()
        .unwrap();
    let limited = TenantSettings::new().guard(Guard::new().at_most(Limit::new(1, 60)));
    tenants.add("one", tenant_id(1), limited).unwrap();
    tenants.add("two", tenant_id(2), TenantSettings::new()).unwrap();
    let isolate = async |n: usize| {
        let client = tenants.client("one").unwrap();
        let name = format!("ws-{n}.customer.example");
        let machine = client.machines().by_name(&name).await.unwrap();
        client.machine(&machine.id).isolate(IsolationType::Full, "INC-4711").await
    };
    // Others keep the sweep going.
    let minutes = async |n: usize| {
        for _ in 0..n {
            tokio::time::sleep(Duration::from_secs(60)).await;
            tenants.client("two").unwrap();
        }
    };
    let _ = isolate(1).await.unwrap();
    minutes(50).await;
    assert_eq!(tenants.ready(), 1, "it was dropped");
    let told = isolate(2).await.unwrap_err();
    assert!(told.is_guarded() && told.to_string().contains("at_most[0]"), "{told}");
    minutes(15).await;
    let _ = isolate(2).await.expect("an hour has passed");
}
