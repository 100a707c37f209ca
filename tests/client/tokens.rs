//! The seventeen properties of the token cache, each as a test.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use defender_response::model::Machine;
use defender_response::{
    Client, Clock, Error, IsolationType, MachineId, QuotaPolicy, Result, TestClock, Token,
    TokenError, TokenErrorKind, TokenRequest, TokenSource, Transport, TransportError,
};
use http::{Request, Response};
use tokio::task::JoinSet;

use crate::script::{MACHINE, TENANT, error, json, with_header};

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

/// What the source does at its next fetch; the last one is repeated.
#[derive(Clone)]
enum Act {
    Give(Duration),
    GiveAs(&'static str, Duration),
    Fail(TokenErrorKind),
    Hang,
    Panic,
}

/// A source that does what it is told, takes its time, and counts.
#[derive(Clone)]
struct Source(Arc<Inner>);

struct Inner {
    acts: Mutex<VecDeque<Act>>,
    takes: Duration,
    fetches: AtomicUsize,
    under_way: AtomicUsize,
    fingerprint: AtomicU64,
    claims: Mutex<Vec<Option<String>>>,
}

impl Source {
    fn new(takes: Duration, acts: impl IntoIterator<Item = Act>) -> Self {
        Self(Arc::new(Inner {
            acts: Mutex::new(acts.into_iter().collect()),
            takes,
            fetches: AtomicUsize::new(0),
            under_way: AtomicUsize::new(0),
            fingerprint: AtomicU64::new(0),
            claims: Mutex::default(),
        }))
    }

    fn fetches(&self) -> usize {
        self.0.fetches.load(Ordering::SeqCst)
    }
}

struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait::async_trait]
impl TokenSource for Source {
    async fn fetch(&self, ask: &TokenRequest<'_>) -> Result<Token, TokenError> {
        assert_eq!(self.0.under_way.fetch_add(1, Ordering::SeqCst), 0, "two fetches at once");
        let _under_way = UnderWay(&self.0.under_way);
        let number = self.0.fetches.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.claims.lock().unwrap().push(ask.claims().map(str::to_owned));
        let act = {
            let mut acts = self.0.acts.lock().unwrap();
            if acts.len() > 1 { acts.pop_front() } else { acts.front().cloned() }
        };
        tokio::time::sleep(self.0.takes).await;
        match act.unwrap() {
            Act::Give(lifetime) => Ok(Token::new(format!("token-number-{number}"), lifetime)),
            Act::GiveAs(text, lifetime) => Ok(Token::new(text, lifetime)),
            Act::Fail(kind) => Err(TokenError::new(kind, "as the test wants it")),
            Act::Hang => std::future::pending().await,
            Act::Panic => panic!("as the test wants it"),
        }
    }

    fn tenant(&self) -> Option<&str> {
        Some(TENANT)
    }

    fn fingerprint(&self) -> u64 {
        self.0.fingerprint.load(Ordering::SeqCst)
    }
}

/// A service that accepts any token, but for the answers it was given beforehand, and keeps what it saw.
#[derive(Clone, Default)]
struct Service(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    answers: VecDeque<std::result::Result<Response<Bytes>, TransportError>>,
    tokens: Vec<String>,
    refused: Option<(&'static str, Answer)>,
}

type Answer = std::result::Result<Response<Bytes>, TransportError>;

impl Service {
    /// Every call with this token gets this answer.
    fn refusing(self, token: &'static str, answer: Answer) -> Self {
        self.0.lock().unwrap().refused = Some((token, answer));
        self
    }

    fn then(self, answer: std::result::Result<Response<Bytes>, TransportError>) -> Self {
        self.0.lock().unwrap().answers.push_back(answer);
        self
    }

    /// The tokens that calls came with, without `Bearer`.
    fn tokens(&self) -> Vec<String> {
        self.0.lock().unwrap().tokens.clone()
    }
}

#[async_trait::async_trait]
impl Transport for Service {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: usize,
    ) -> std::result::Result<Response<Bytes>, TransportError> {
        let mut seen = self.0.lock().unwrap();
        let token = request.headers()["authorization"].to_str().unwrap().replace("Bearer ", "");
        seen.tokens.push(token.clone());
        if let Some((_, answer)) = seen.refused.as_ref().filter(|(refused, _)| *refused == token) {
            return answer.clone();
        }
        seen.answers.pop_front().unwrap_or_else(|| json(200, &format!(r#"{{"id":"{MACHINE}"}}"#)))
    }
}

fn client_on(source: &Source, service: &Service, clock: Arc<TestClock>) -> Client {
    Client::builder(source.clone())
        .transport(service.clone())
        .clock(clock)
        .quota_policy(QuotaPolicy::Unlimited)
        .build()
        .unwrap()
}

fn clock() -> Arc<TestClock> {
    Arc::new(TestClock::starting_at("2026-03-01T03:00:00Z".parse().unwrap()))
}

fn client(source: &Source, service: &Service) -> Client {
    client_on(source, service, clock())
}

async fn read(client: &Client) -> Result<Machine> {
    client.machine(MACHINE.parse::<MachineId>().unwrap()).get().await
}

async fn many(client: &Client, count: usize) -> Vec<Result<Machine>> {
    let mut calls = JoinSet::new();
    for _ in 0..count {
        let client = client.clone();
        calls.spawn(async move { read(&client).await });
    }
    calls.join_all().await
}

fn jwt(roles: &str) -> &'static str {
    let payload = URL_SAFE_NO_PAD.encode(format!(r#"{{"roles":[{roles}]}}"#));
    Box::leak(format!("e30.{payload}.sig").into_boxed_str())
}

#[tokio::test(start_paused = true)]
async fn p01_a_hit_waits_for_nothing() {
    let source = Source::new(SECOND, [Act::Give(HOUR)]);
    let client = client(&source, &Service::default());
    read(&client).await.unwrap();
    let began = tokio::time::Instant::now();
    for _ in 0..1000 {
        // Without a single pause nothing else can have run in between.
        tokio::time::timeout(Duration::ZERO, read(&client)).await.unwrap().unwrap();
    }
    assert_eq!((began.elapsed(), source.fetches()), (Duration::ZERO, 1));
}

#[tokio::test(start_paused = true)]
async fn p02_a_thousand_cold_callers_make_one_fetch() {
    let source = Source::new(SECOND, [Act::Give(HOUR)]);
    let outcomes = many(&client(&source, &Service::default()), 1000).await;
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(source.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn p03_callers_share_an_error_which_cools_down_and_is_never_latched() {
    use TokenErrorKind::{Transient, WrongSecret};
    let source = Source::new(
        SECOND,
        [Act::Fail(Transient), Act::Fail(WrongSecret), Act::Fail(WrongSecret), Act::Give(HOUR)],
    );
    let client = client(&source, &Service::default());
    let outcomes = many(&client, 1000).await;
    assert!(outcomes.iter().all(|outcome| outcome.as_ref().is_err_and(Error::is_sign_in)));
    assert_eq!(source.fetches(), 1, "one fetch, a thousand errors");

    assert!(read(&client).await.is_err(), "a transient error is asked again at once");
    assert_eq!(source.fetches(), 2);
    for _ in 0..29 {
        assert!(read(&client).await.is_err());
        tokio::time::sleep(SECOND).await;
    }
    assert_eq!(source.fetches(), 2, "a permanent one cools down for 30 s");
    tokio::time::sleep(SECOND * 2).await;
    assert!(read(&client).await.is_err());
    tokio::time::sleep(SECOND * 58).await;
    assert!(read(&client).await.is_err());
    assert_eq!(source.fetches(), 3, "and then for longer");
    tokio::time::sleep(SECOND * 3).await;
    read(&client).await.unwrap();

    let source = Source::new(SECOND, [Act::Fail(WrongSecret), Act::Give(HOUR)]);
    let client = self::client(&source, &Service::default());
    assert!(read(&client).await.is_err());
    source.0.fingerprint.store(1, Ordering::SeqCst);
    read(&client).await.expect("a changed credential is tried at once");
}

#[tokio::test(start_paused = true)]
async fn p03b_the_cooling_stays_within_five_minutes() {
    let source = Source::new(Duration::ZERO, [Act::Fail(TokenErrorKind::WrongSecret)]);
    let client = client(&source, &Service::default());
    for _ in 0..3600 {
        assert!(read(&client).await.is_err());
        tokio::time::sleep(SECOND).await;
    }
    let fetches = source.fetches();
    assert!(
        (13..=16).contains(&fetches),
        "{fetches} in an hour: 30, 60, 120, 240 and then every 300 s"
    );
}

#[tokio::test(start_paused = true)]
async fn p04_an_ageing_token_is_served_at_once_while_one_renewal_runs() {
    let source = Source::new(SECOND * 5, [Act::Give(HOUR)]);
    let service = Service::default();
    let client = client(&source, &service);
    read(&client).await.unwrap();
    tokio::time::sleep(SECOND * 3400).await;
    let began = tokio::time::Instant::now();
    assert!(many(&client, 100).await.iter().all(Result::is_ok));
    assert_eq!(began.elapsed(), Duration::ZERO, "nobody waits");
    tokio::time::sleep(SECOND * 6).await;
    read(&client).await.unwrap();
    assert_eq!(source.fetches(), 2);
    assert_eq!(service.tokens().last().unwrap(), "token-number-2");
}

#[tokio::test(start_paused = true)]
async fn p04b_renewal_begins_five_minutes_before_the_end() {
    let source = Source::new(Duration::ZERO, [Act::Give(HOUR)]);
    let client = client(&source, &Service::default());
    read(&client).await.unwrap();
    tokio::time::sleep(SECOND * 3299).await;
    read(&client).await.unwrap();
    tokio::task::yield_now().await;
    assert_eq!(source.fetches(), 1);
    tokio::time::sleep(SECOND * 2).await;
    read(&client).await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!(source.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn p05_a_failed_early_renewal_keeps_the_token_and_goes_quiet() {
    let source =
        Source::new(Duration::ZERO, [Act::Give(HOUR), Act::Fail(TokenErrorKind::WrongSecret)]);
    let client = client(&source, &Service::default());
    read(&client).await.unwrap();
    tokio::time::sleep(SECOND * 3310).await;
    for _ in 0..240 {
        read(&client).await.expect("the old token is still good");
        tokio::time::sleep(SECOND).await;
    }
    let tries = source.fetches() - 1;
    assert!((6..=11).contains(&tries), "{tries} tries in 240 s: one every 24 to 36 s");
}

#[tokio::test(start_paused = true)]
async fn p06_past_the_usable_point_callers_wait_and_the_error_carries_the_cause() {
    let source = Source::new(
        SECOND * 3,
        [Act::Give(HOUR), Act::Give(HOUR), Act::Fail(TokenErrorKind::ExpiredSecret)],
    );
    let client = client(&source, &Service::default());
    read(&client).await.unwrap();
    tokio::time::sleep(SECOND * 3580).await;
    let began = tokio::time::Instant::now();
    read(&client).await.unwrap();
    assert_eq!(began.elapsed(), SECOND * 3, "within 30 s of its end it isn't handed out");
    tokio::time::sleep(HOUR).await;
    let told = read(&client).await.unwrap_err();
    assert!(told.to_string().contains("add a new client secret"), "{told}");
    assert!(std::error::Error::source(&told).unwrap().to_string().contains("as the test wants it"));
}

#[tokio::test(start_paused = true)]
async fn p07_dropping_a_caller_anywhere_wedges_nobody_and_loses_nothing() {
    for dropped_after in 0..12 {
        let source = Source::new(SECOND, [Act::Give(HOUR)]);
        let client = client(&source, &Service::default());
        let first = {
            let client = client.clone();
            tokio::spawn(async move { read(&client).await })
        };
        let waiting = {
            let client = client.clone();
            tokio::spawn(async move { read(&client).await })
        };
        tokio::time::sleep(Duration::from_millis(100 * dropped_after)).await;
        first.abort();
        waiting.await.unwrap().unwrap();
        read(&client).await.unwrap();
        assert_eq!(source.fetches(), 1, "dropped after {dropped_after}");
    }
}

#[tokio::test(start_paused = true)]
async fn p08_a_source_that_hangs_is_cut_and_one_that_panics_is_contained() {
    for (act, part, takes) in
        [(Act::Hang, "20 s", SECOND * 20), (Act::Panic, "panicked", Duration::ZERO)]
    {
        let source = Source::new(Duration::ZERO, [act, Act::Give(HOUR)]);
        let client = client(&source, &Service::default());
        let began = tokio::time::Instant::now();
        let outcomes = many(&client, 10).await;
        assert_eq!(began.elapsed(), takes);
        for outcome in outcomes {
            let told = outcome.unwrap_err();
            assert!(
                std::error::Error::source(&told).unwrap().to_string().contains(part),
                "{told:?}"
            );
        }
        read(&client).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn p09_a_late_refusal_of_the_old_token_does_not_touch_the_new_one() {
    let source = Source::new(Duration::ZERO, [Act::Give(HOUR)]);
    let service = Service::default().refusing("token-number-1", error(401, "Unauthorized", ""));
    let client = client(&source, &service);
    assert!(
        many(&client, 10).await.iter().all(Result::is_ok),
        "each is replayed with the new token"
    );
    assert_eq!(source.fetches(), 2, "ten refusals of the first token, one renewal");
}

#[tokio::test(start_paused = true)]
async fn p09b_a_refusal_that_comes_late_leads_to_no_fetch() {
    /// The first call is refused after ten seconds, the second at once.
    #[derive(Clone, Default)]
    struct Slow(Arc<AtomicUsize>);

    #[async_trait::async_trait]
    impl Transport for Slow {
        async fn send(
            &self,
            _: Request<Bytes>,
            _: usize,
        ) -> std::result::Result<Response<Bytes>, TransportError> {
            let pause = match self.0.fetch_add(1, Ordering::SeqCst) {
                0 => SECOND * 10,
                1 => Duration::ZERO,
                _ => return json(200, &format!(r#"{{"id":"{MACHINE}"}}"#)),
            };
            tokio::time::sleep(pause).await;
            error(401, "Unauthorized", "")
        }
    }

    let source = Source::new(Duration::ZERO, [Act::Give(HOUR)]);
    let client =
        Client::builder(source.clone()).transport(Slow::default()).clock(clock()).build().unwrap();
    assert!(many(&client, 2).await.iter().all(Result::is_ok));
    assert_eq!(source.fetches(), 2, "the late refusal finds the new token there");
}

#[tokio::test(start_paused = true)]
async fn p09c_a_refused_token_is_not_handed_out_while_the_next_one_is_fetched() {
    let source = Source::new(SECOND * 5, [Act::Give(HOUR)]);
    let service = Service::default().then(error(401, "Unauthorized", ""));
    let client = client(&source, &service);
    let first = tokio::spawn({
        let client = client.clone();
        async move { read(&client).await }
    });
    tokio::time::sleep(SECOND * 7).await;
    read(&client).await.unwrap();
    first.await.unwrap().unwrap();
    assert_eq!(service.tokens(), ["token-number-1", "token-number-2", "token-number-2"]);
}

#[tokio::test(start_paused = true)]
async fn p10_a_token_ends_when_either_clock_says_so() {
    let source = Source::new(SECOND * 10, [Act::Give(HOUR)]);
    let (service, clock) = (Service::default(), clock());
    let client = client_on(&source, &service, Arc::clone(&clock));
    read(&client).await.unwrap();
    clock.set_forward(HOUR);
    read(&client).await.unwrap();
    assert_eq!(source.fetches(), 2, "the machine slept: only the wall clock knows");
    clock.set_back(HOUR * 5);
    tokio::time::sleep(HOUR).await;
    read(&client).await.unwrap();
    assert_eq!(source.fetches(), 3, "the wall clock was set back: the other one knows");

    let slow = Source::new(SECOND * 15, [Act::Give(SECOND * 100)]);
    let client = self::client(&slow, &Service::default());
    read(&client).await.unwrap();
    tokio::time::sleep(SECOND * 76).await;
    read(&client).await.unwrap();
    assert_eq!(slow.fetches(), 2, "the lifetime counts from when the request began");
}

#[tokio::test(start_paused = true)]
async fn p11_a_401_is_replayed_once_and_only_with_another_token() {
    let refused = || error(401, "Unauthorized", "");
    let source = Source::new(Duration::ZERO, [Act::Give(HOUR)]);
    let service = Service::default().then(refused());
    read(&client(&source, &service)).await.unwrap();
    assert_eq!(service.tokens(), ["token-number-1", "token-number-2"]);

    let service = Service::default().then(refused()).then(refused());
    let told =
        read(&client(&Source::new(Duration::ZERO, [Act::Give(HOUR)]), &service)).await.unwrap_err();
    assert!(told.is_unauthorized());
    assert_eq!(service.tokens().len(), 2, "a second 401 is returned");

    let same = Source::new(Duration::ZERO, [Act::GiveAs("the-same-token", HOUR)]);
    let service = Service::default().then(refused());
    assert!(read(&client(&same, &service)).await.unwrap_err().is_unauthorized());
    assert_eq!(service.tokens().len(), 1, "the same token isn't sent again");

    let service = Service::default().then(error(401, "Unauthorized", "Account mode is inactive"));
    assert!(read(&client(&source, &service)).await.unwrap_err().is_unlicensed());
    assert_eq!(service.tokens().len(), 1, "a licence doesn't come with a token");
}

#[tokio::test(start_paused = true)]
async fn p11b_a_service_that_refuses_every_token_costs_few_of_them() {
    let source = Source::new(Duration::ZERO, [Act::Give(HOUR)]);
    let service = Service::default();
    for _ in 0..400 {
        service.clone().then(error(401, "Unauthorized", ""));
    }
    let client = client(&source, &service);
    for _ in 0..100 {
        assert!(read(&client).await.unwrap_err().is_unauthorized());
        tokio::time::sleep(SECOND).await;
    }
    assert!(source.fetches() <= 8, "{} in 100 s", source.fetches());
}

#[tokio::test(start_paused = true)]
async fn p11d_a_401_tells_why_there_was_no_other_token() {
    let source =
        Source::new(Duration::ZERO, [Act::Give(HOUR), Act::Fail(TokenErrorKind::ExpiredSecret)]);
    let service = Service::default().then(error(401, "Unauthorized", ""));
    let told = read(&client(&source, &service)).await.unwrap_err();
    assert!(told.is_unauthorized() && told.status() == Some(401), "{told:?}");
    let cause = std::error::Error::source(&told).map(ToString::to_string);
    assert_eq!(cause.as_deref(), Some("as the test wants it"));
}

#[tokio::test(start_paused = true)]
async fn p11c_a_replay_is_held_against_the_tenant_too() {
    let foreign = {
        let payload = URL_SAFE_NO_PAD.encode(r#"{"tid":"99999999-0000-4000-8000-1a2b3c4d5e6f"}"#);
        &*Box::leak(format!("e30.{payload}.sig").into_boxed_str())
    };
    let source = Source::new(Duration::ZERO, [Act::Give(HOUR), Act::GiveAs(foreign, HOUR)]);
    let service = Service::default().then(error(401, "Unauthorized", ""));
    let host = client(&source, &service).machine(MACHINE.parse::<MachineId>().unwrap());
    assert!(
        host.without_lookup().isolate(IsolationType::Full, "c").await.unwrap_err().is_sign_in()
    );
    assert_eq!(service.tokens().len(), 1, "nothing is sent with the foreign token");
}

#[tokio::test(start_paused = true)]
async fn p12_a_missing_role_is_looked_for_once_in_five_minutes() {
    let lacking = || {
        let text =
            "Missing application roles. API required roles: Machine.Read.All, application roles: .";
        error(403, "Forbidden", text)
    };
    let granted = [Act::GiveAs(jwt(""), HOUR), Act::GiveAs(jwt("\"Machine.Read.All\""), HOUR)];
    let service = Service::default().then(lacking());
    let source = Source::new(Duration::ZERO, granted);
    read(&client(&source, &service)).await.expect("the role was granted since");
    assert_eq!(service.tokens().len(), 2);

    let source = Source::new(Duration::ZERO, [Act::GiveAs(jwt(""), HOUR)]);
    let service = Service::default();
    let never = client(&source, &service);
    for at in 0..10 {
        service.clone().then(lacking());
        assert!(read(&never).await.unwrap_err().is_permission_denied());
        let asked = 2 + usize::from(at >= 5);
        assert_eq!(source.fetches(), asked, "after {at} min");
        tokio::time::sleep(SECOND * 60).await;
    }
    assert_eq!(service.tokens().len(), 10, "the same roles aren't sent again");

    let other = Service::default().then(error(403, "DisabledFeature", "Live response is off"));
    let source = Source::new(Duration::ZERO, [Act::Give(HOUR)]);
    assert!(read(&client(&source, &other)).await.unwrap_err().is_feature_disabled());
    assert_eq!(source.fetches(), 1, "other refusals never fetch");
}

#[tokio::test(start_paused = true)]
async fn p12b_all_callers_share_the_fetch_that_brings_the_role() {
    let service = Service::default();
    for _ in 0..10 {
        let text =
            "Missing application roles. API required roles: Machine.Read.All, application roles: .";
        service.clone().then(error(403, "Forbidden", text));
    }
    let granted =
        [Act::GiveAs(jwt("\"A\""), HOUR), Act::GiveAs(jwt("\"A\",\"Machine.Read.All\""), HOUR)];
    let source = Source::new(SECOND, granted);
    assert!(many(&client(&source, &service), 10).await.iter().all(Result::is_ok));
    assert_eq!(source.fetches(), 2);

    let reordered = [Act::GiveAs(jwt("\"A\",\"B\""), HOUR), Act::GiveAs(jwt("\"b\",\"a\""), HOUR)];
    let source = Source::new(Duration::ZERO, reordered);
    let text =
        "Missing application roles. API required roles: Machine.Read.All, application roles: .";
    let service = Service::default().then(error(403, "Forbidden", text));
    assert!(read(&client(&source, &service)).await.unwrap_err().is_permission_denied());
    assert_eq!(service.tokens().len(), 1, "the same roles in another order are the same");
}

#[tokio::test(start_paused = true)]
async fn p13b_many_refusals_with_claims_lead_to_one_fetch() {
    let encoded = base64::engine::general_purpose::STANDARD.encode("{}");
    let challenge = format!(r#"Bearer error="insufficient_claims", claims="{encoded}""#);
    let refusal = with_header(error(401, "Unauthorized", ""), "www-authenticate", &challenge);
    let service = Service::default().refusing("token-number-1", refusal);
    let source = Source::new(SECOND, [Act::Give(HOUR)]);
    assert!(many(&client(&source, &service), 100).await.iter().all(Result::is_ok));
    assert_eq!(*source.0.claims.lock().unwrap(), [None, Some("{}".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn p13_claims_that_are_asked_for_go_to_the_source_for_one_fetch() {
    let claims = r#"{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}"#;
    let encoded = base64::engine::general_purpose::STANDARD.encode(claims);
    let challenge = format!(r#"Bearer realm="", error="insufficient_claims", claims="{encoded}""#);
    let refused = with_header(error(401, "Unauthorized", ""), "www-authenticate", &challenge);
    let source = Source::new(Duration::ZERO, [Act::Give(HOUR)]);
    let client = client(&source, &Service::default().then(refused));
    read(&client).await.unwrap();
    tokio::time::sleep(HOUR).await;
    read(&client).await.unwrap();
    assert_eq!(*source.0.claims.lock().unwrap(), [None, Some(claims.to_owned()), None]);
}

#[tokio::test(start_paused = true)]
async fn p13c_claims_are_not_lost_to_a_renewal_that_is_under_way() {
    let encoded = base64::engine::general_purpose::STANDARD.encode("{}");
    let challenge = format!(r#"Bearer error="insufficient_claims", claims="{encoded}""#);
    let source = Source::new(SECOND * 5, [Act::Give(HOUR)]);
    let service = Service::default();
    let client = client(&source, &service);
    read(&client).await.unwrap();
    tokio::time::sleep(SECOND * 3310).await;
    service.clone().then(with_header(
        error(401, "Unauthorized", ""),
        "www-authenticate",
        &challenge,
    ));
    read(&client).await.unwrap();
    assert_eq!(*source.0.claims.lock().unwrap(), [None, None, Some("{}".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn p14_a_hung_tenant_does_not_delay_another() {
    let hung = client(&Source::new(Duration::ZERO, [Act::Hang]), &Service::default());
    let well = client(&Source::new(Duration::ZERO, [Act::Give(HOUR)]), &Service::default());
    let waiting = tokio::spawn(async move { read(&hung).await });
    tokio::task::yield_now().await;
    tokio::time::timeout(Duration::from_millis(1), read(&well)).await.unwrap().unwrap();
    assert!(waiting.await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn p15_short_lifetimes_do_not_spin_and_zero_is_an_error() {
    let source = Source::new(Duration::ZERO, [Act::Give(SECOND * 60)]);
    let client = client(&source, &Service::default());
    for _ in 0..600 {
        read(&client).await.unwrap();
        tokio::time::sleep(SECOND).await;
    }
    let fetches = source.fetches();
    assert!((11..=14).contains(&fetches), "{fetches} in ten minutes");

    let none = Source::new(Duration::ZERO, [Act::Give(Duration::ZERO)]);
    assert!(read(&self::client(&none, &Service::default())).await.unwrap_err().is_sign_in());
    assert_eq!(none.fetches(), 1);
    let eternal = Source::new(Duration::ZERO, [Act::Give(Duration::MAX)]);
    read(&self::client(&eternal, &Service::default())).await.unwrap();
}

#[test]
fn p16_a_client_is_built_outside_a_runtime_and_outlives_the_one_that_renewed() {
    let source = Source::new(Duration::from_millis(200), [Act::Give(HOUR)]);
    let client = Client::builder(source.clone()).transport(Service::default()).build().unwrap();
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
    };
    let first = runtime();
    let fetching = client.clone();
    first.spawn(async move { read(&fetching).await });
    while source.fetches() == 0 {
        std::thread::yield_now();
    }
    let waiting = std::thread::spawn({
        let client = client.clone();
        move || runtime().block_on(read(&client))
    });
    first.shutdown_background();
    waiting.join().unwrap().expect("another runtime fetches anew");
    runtime().block_on(read(&client)).unwrap();
    assert!(source.fetches() <= 2);
}

#[test]
fn p16b_a_runtime_that_stands_still_holds_nobody_up_for_long() {
    let source = Source::new(Duration::from_millis(100), [Act::Give(HOUR)]);
    let client = Client::builder(source.clone()).transport(Service::default()).build().unwrap();
    let still = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    still.block_on(async {
        let _ = tokio::time::timeout(Duration::from_millis(5), read(&client)).await;
    });
    // Its fetch is under way for ever, since nothing drives it any more.
    assert_eq!(source.fetches(), 1);
    source.0.under_way.store(0, Ordering::SeqCst);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(read(&client)).expect("another runtime fetches anew");
    assert_eq!(source.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_sign_in_cools_down_and_odd_tokens_are_refused() {
    let source = Source::new(Duration::ZERO, [Act::Fail(TokenErrorKind::Throttled)]);
    let throttled = client(&source, &Service::default());
    for _ in 0..1000 {
        assert!(read(&throttled).await.unwrap_err().is_sign_in());
    }
    assert_eq!(source.fetches(), 1, "asking for more tokens is what it is throttled for");

    let long = &*Box::leak("x".repeat(1024 * 1024).into_boxed_str());
    for odd in ["", "with blank", long] {
        let source = Source::new(Duration::ZERO, [Act::GiveAs(odd, HOUR), Act::Give(HOUR)]);
        let client = client(&source, &Service::default());
        assert!(read(&client).await.unwrap_err().is_sign_in());
        read(&client).await.expect("the next call recovers");
    }
}

#[tokio::test(start_paused = true)]
async fn p17_what_is_kept_shows_no_token() {
    let source = Source::new(Duration::ZERO, [Act::GiveAs("a-token-canary", HOUR)]);
    let service = Service::default().then(error(400, "BadRequest", "a-token-canary"));
    let client = client(&source, &service);
    let told = read(&client).await.unwrap_err();
    assert!(!format!("{client:?} {told} {told:?}").contains("canary"));
}

#[tokio::test(start_paused = true)]
async fn a_token_of_another_tenant_or_api_is_refused_before_any_write() {
    let payload = |claims: &str| {
        let text = format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims));
        &*Box::leak(text.into_boxed_str())
    };
    for claims in [
        r#"{"tid":"99999999-0000-4000-8000-1a2b3c4d5e6f"}"#,
        r#"{"aud":"https://graph.microsoft.com"}"#,
    ] {
        let source = Source::new(Duration::ZERO, [Act::GiveAs(payload(claims), HOUR)]);
        let service = Service::default();
        let client = client(&source, &service);
        let host = client.machine(MACHINE.parse::<MachineId>().unwrap());
        let told = host.isolate(IsolationType::Full, "c").await.unwrap_err();
        assert!(told.is_sign_in() && told.to_string().contains("nothing was changed"), "{told}");
        assert!(service.tokens().is_empty());
        read(&client).await.expect("a read may show what the service says");
    }
}

mod schedules {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Calls(u8),
        Drop(u8),
        Wait(u16),
        WallForward(u16),
        WallBack(u16),
        Refuse(u16),
        Act(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (1..20u8).prop_map(Step::Calls),
            2 => (1..10u8).prop_map(Step::Drop),
            4 => (0..4000u16).prop_map(Step::Wait),
            1 => (0..4000u16).prop_map(Step::WallForward),
            1 => (0..4000u16).prop_map(Step::WallBack),
            2 => prop_oneof![Just(401u16), Just(403)].prop_map(Step::Refuse),
            2 => (0..5u8).prop_map(Step::Act),
        ]
    }

    /// Remembers what each token is good for, and judges each call by it.
    struct Judge {
        clock: Arc<TestClock>,
        issued: Mutex<Vec<(std::time::Instant, defender_response::Timestamp, Duration)>>,
        act: AtomicU64,
        under_way: AtomicUsize,
    }

    #[derive(Clone)]
    struct Judged(Arc<Judge>);

    #[async_trait::async_trait]
    impl TokenSource for Judged {
        async fn fetch(&self, _: &TokenRequest<'_>) -> Result<Token, TokenError> {
            assert_eq!(self.0.under_way.fetch_add(1, Ordering::SeqCst), 0, "two fetches at once");
            let _under_way = UnderWay(&self.0.under_way);
            let began = (self.0.clock.now(), self.0.clock.wall());
            let act = self.0.act.load(Ordering::SeqCst);
            tokio::time::sleep(SECOND * 2).await;
            match act {
                1 => return Err(TokenError::transient("transient")),
                2 => return Err(TokenError::permanent("permanent")),
                3 => std::future::pending().await,
                _ => {}
            }
            let lifetime = if act == 4 { SECOND * 30 } else { HOUR };
            let mut issued = self.0.issued.lock().unwrap();
            issued.push((began.0, began.1, lifetime));
            Ok(Token::new(format!("token-number-{}", issued.len()), lifetime))
        }

        fn fingerprint(&self) -> u64 {
            self.0.act.load(Ordering::SeqCst)
        }
    }

    #[derive(Clone)]
    struct Watching(Arc<Judge>, Service);

    #[async_trait::async_trait]
    impl Transport for Watching {
        async fn send(
            &self,
            request: Request<Bytes>,
            limit: usize,
        ) -> std::result::Result<Response<Bytes>, TransportError> {
            let token = request.headers()["authorization"]
                .to_str()
                .unwrap()
                .replace("Bearer token-number-", "");
            let number: usize = token.parse().unwrap();
            let (at, wall, lifetime) = self.0.issued.lock().unwrap()[number - 1];
            assert!(self.0.clock.now() < at + lifetime, "past its end by the monotonic clock");
            assert!(self.0.clock.wall() < wall.plus(lifetime), "past its end by the wall clock");
            self.1.send(request, limit).await
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn under_any_schedule_one_fetch_at_a_time_no_dead_token_and_always_a_recovery(
            steps in prop::collection::vec(step(), 1..40),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            runtime.block_on(async {
                let clock = clock();
                let judge = Arc::new(Judge {
                    clock: Arc::clone(&clock),
                    issued: Mutex::default(),
                    act: AtomicU64::new(0),
                    under_way: AtomicUsize::new(0),
                });
                let service = Service::default();
                let client = Client::builder(Judged(Arc::clone(&judge)))
                    .transport(Watching(Arc::clone(&judge), service.clone()))
                    .clock(clock.clone())
                    .quota_policy(QuotaPolicy::Unlimited)
                    .build()
                    .unwrap();
                for step in steps {
                    match step {
                        Step::Calls(count) => drop(many(&client, usize::from(count)).await),
                        Step::Drop(count) => {
                            for n in 0..count {
                                let _ = tokio::time::timeout(SECOND * u32::from(n) / 3, read(&client)).await;
                            }
                        }
                        Step::Wait(seconds) => tokio::time::sleep(SECOND * u32::from(seconds)).await,
                        Step::WallForward(seconds) => clock.set_forward(SECOND * u32::from(seconds)),
                        Step::WallBack(seconds) => clock.set_back(SECOND * u32::from(seconds)),
                        Step::Refuse(status) => drop(service.clone().then(error(status, "X", "API required roles: A, application roles: ."))),
                        Step::Act(act) => judge.act.store(u64::from(act), Ordering::SeqCst),
                    }
                }
                judge.act.store(0, Ordering::SeqCst);
                service.0.lock().unwrap().answers.clear();
                tokio::time::sleep(SECOND * 330).await;
                read(&client).await.expect("it always recovers");
                let began = tokio::time::Instant::now();
                read(&client).await.expect("and the token is kept");
                assert_eq!(began.elapsed(), Duration::ZERO, "no caller waits while a usable token is there");
            });
        }
    }
}
