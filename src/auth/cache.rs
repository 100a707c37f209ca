//! One token for all calls of a client and its clones: fetched once, renewed before it ends, never handed out
//! past its end.
//!
//! A call takes the lock for a moment and never holds it while waiting. A fetch runs in a task of its own, a
//! *flight*, which callers join: dropping a caller neither loses the fetch nor holds others up.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::watch;
use url::Url;

use super::bearer::Bearer;
use super::error::{TokenError, TokenErrorKind};
use super::source::{Token, TokenRequest, TokenSource};
use crate::clock::Clock;
use crate::transport::Transport;
use crate::types::{Timestamp, random_bits};

/// Renewal begins this long before the end, or a fifth of the lifetime before a shorter one's.
const EARLY: Duration = Duration::from_secs(300);

/// A token this close to its end isn't handed out any more; a tenth of the lifetime for a shorter one.
const TOO_LATE: Duration = Duration::from_secs(30);

/// How long a source may take.
const FETCH_LIMIT: Duration = Duration::from_secs(20);

/// After a failed early renewal, about how long no other is begun.
const QUIET: Duration = Duration::from_secs(30);

/// After a permanent error, how long it is told again without asking: at first, and at most.
const COOLING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(300));

/// A token that came of a 401 and is refused too isn't replaced again for this long.
const REFUSED_PAUSE: Duration = Duration::from_secs(30);

/// How many lost flights a caller bears before it gives up.
const PATIENCE: u32 = 3;

/// How often a refusal for want of a role may lead to a fetch.
const ROLES_PAUSE: Duration = Duration::from_secs(300);

/// What is believed of a lifetime.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

#[derive(Clone)]
pub(crate) struct TokenCache(Arc<Shared>);

struct Shared {
    source: Arc<dyn TokenSource>,
    authority: Url,
    audience: String,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    flight: Option<Flight>,
    flights: u64,
    quiet_until: Option<Instant>,
    cooling: Option<Cooling>,
    roles_asked: Option<Instant>,
    /// The last fetch that a 401 led to, and when.
    replaced: Option<(u64, Instant)>,
}

struct Held {
    bearer: Bearer,
    /// What the service asked for when it was fetched.
    claims: Option<Arc<str>>,
    fresh: Window,
    usable: Window,
}

/// A stretch of time that ends when *either* clock says so: the monotonic one stands still while a machine
/// sleeps, the one on the wall can be set.
#[derive(Clone, Copy)]
struct Window {
    until: Instant,
    wall_until: Timestamp,
}

struct Cooling {
    error: TokenError,
    until: Instant,
    step: Duration,
    fingerprint: u64,
}

/// A fetch under way.
#[derive(Clone)]
struct Flight {
    number: u64,
    began: Instant,
    claims: Option<Arc<str>>,
    outcome: watch::Receiver<Option<Result<Bearer, TokenError>>>,
}

enum Next {
    Use(Bearer),
    Join(Flight),
}

impl TokenCache {
    pub(crate) fn new(
        source: Arc<dyn TokenSource>,
        authority: Url,
        audience: String,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let state = Mutex::default();
        Self(Arc::new(Shared { source, authority, audience, transport, clock, state }))
    }

    /// The tenant that the credential was set up for.
    pub(crate) fn tenant(&self) -> Option<&str> {
        self.0.source.tenant()
    }

    /// A usable token: the one that is kept, or else the next one.
    pub(crate) async fn get(&self) -> Result<Bearer, TokenError> {
        for _ in 0..PATIENCE {
            let flight = match self.0.next()? {
                Next::Use(bearer) => return Ok(bearer),
                Next::Join(flight) => flight,
            };
            if let Some(outcome) = self.0.landed(flight).await {
                return outcome;
            }
            // The runtime that ran the fetch is gone or stands still, and its flight with it.
        }
        Err(TokenError::transient("signing in was broken off again and again"))
    }

    /// After a 401: another token, or `None` if there is none. Claims that the service asked for go to the source
    /// with this one fetch.
    pub(crate) async fn renewed(
        &self,
        refused: &Bearer,
        claims: Option<String>,
    ) -> Result<Option<Bearer>, TokenError> {
        let claims: Option<Arc<str>> = claims.map(Arc::from);
        for _ in 0..PATIENCE {
            let flight = match self.0.next_after_refusal(refused, claims.as_ref())? {
                None => return Ok(None),
                Some(Next::Use(bearer)) => return Ok(other_token(bearer, refused)),
                Some(Next::Join(flight)) => flight,
            };
            let is_meant = claims.is_none() || flight.claims == claims;
            if let Some(outcome) = self.0.landed(flight).await.filter(|_| is_meant) {
                return outcome.map(|bearer| other_token(bearer, refused));
            }
        }
        Ok(None)
    }

    pub(crate) fn source(&self) -> &dyn TokenSource {
        &*self.0.source
    }

    /// After a 403 for want of a role: a token with other roles, if there is one. The present one stays.
    pub(crate) async fn with_other_roles(&self, refused: &Bearer) -> Option<Bearer> {
        let bearer = match self.0.next_for_roles(refused)? {
            Next::Use(bearer) => bearer,
            Next::Join(flight) => self.0.landed(flight).await?.ok()?,
        };
        (bearer.roles() != refused.roles()).then_some(bearer)
    }
}

fn other_token(bearer: Bearer, refused: &Bearer) -> Option<Bearer> {
    (!bearer.is_same_token(refused)).then_some(bearer)
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What came of a flight; `None` if it was lost. A flight may stand still with its runtime, so each caller
    /// waits by its own clock, and no longer than a fetch may take.
    async fn landed(&self, mut flight: Flight) -> Option<Result<Bearer, TokenError>> {
        let outcome = tokio::time::timeout(
            FETCH_LIMIT + Duration::from_secs(1),
            flight.outcome.wait_for(Option::is_some),
        );
        let outcome = outcome.await.ok().and_then(Result::ok).and_then(|outcome| outcome.clone());
        if outcome.is_none() {
            self.lock().abandon(flight.number);
        }
        outcome
    }

    fn next(self: &Arc<Self>) -> Result<Next, TokenError> {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let cooling = {
            let mut state = self.lock();
            state.forget_lost_flight(now);
            if let Some(held) = state.held.as_ref().filter(|held| held.usable.holds(now, wall)) {
                let bearer = held.bearer.clone();
                let ageing = !held.fresh.holds(now, wall);
                let quiet = state.quiet_until.is_some_and(|until| now < until);
                if ageing && state.flight.is_none() && !quiet {
                    // Without a runtime there is no renewal; the token is good all the same.
                    self.launch(&mut state, None).ok();
                }
                return Ok(Next::Use(bearer));
            }
            if let Some(flight) = &state.flight {
                return Ok(Next::Join(flight.clone()));
            }
            match state.cooling.as_ref().filter(|cooling| now < cooling.until) {
                Some(cooling) => (cooling.error.clone(), cooling.fingerprint),
                None => return self.launch(&mut state, None).map(Next::Join),
            }
        };
        // The source is asked outside the lock: it may read a file.
        let (error, fingerprint) = cooling;
        if self.fingerprint() == fingerprint {
            return Err(error);
        }
        let mut state = self.lock();
        match &state.flight {
            Some(flight) => Ok(Next::Join(flight.clone())),
            None => self.launch(&mut state, None).map(Next::Join),
        }
    }

    /// A newer token than the refused one, or the fetch that leads to it; `None` if the service refuses what it is
    /// given, so that another fetch is of no use now. A late refusal of an older token touches nothing.
    fn next_after_refusal(
        self: &Arc<Self>,
        refused: &Bearer,
        claims: Option<&Arc<str>>,
    ) -> Result<Option<Next>, TokenError> {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let mut state = self.lock();
        state.forget_lost_flight(now);
        let (newer, of_the_held) = match &state.held {
            Some(held) => (
                held.bearer.generation() > refused.generation()
                    && held.usable.holds(now, wall)
                    && (claims.is_none() || held.claims.as_ref() == claims),
                held.bearer.generation() == refused.generation(),
            ),
            None => (false, false),
        };
        if newer {
            return Ok(state.held.as_ref().map(|held| Next::Use(held.bearer.clone())));
        }
        let replaced_lately = state.replaced.is_some_and(|(generation, at)| {
            generation == refused.generation() && now.saturating_duration_since(at) < REFUSED_PAUSE
        });
        if replaced_lately && claims.is_none() {
            return Ok(None);
        }
        if of_the_held {
            state.held = None;
        }
        if let Some(flight) = &state.flight {
            return Ok(Some(Next::Join(flight.clone())));
        }
        let flight = self.launch(&mut state, claims.cloned())?;
        state.replaced = Some((flight.number, now));
        Ok(Some(Next::Join(flight)))
    }

    fn next_for_roles(self: &Arc<Self>, refused: &Bearer) -> Option<Next> {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let mut state = self.lock();
        state.forget_lost_flight(now);
        let newer = state.held.as_ref().filter(|held| {
            held.bearer.generation() > refused.generation() && held.usable.holds(now, wall)
        });
        if let Some(held) = newer {
            return Some(Next::Use(held.bearer.clone()));
        }
        if let Some(flight) = &state.flight {
            return Some(Next::Join(flight.clone()));
        }
        if state.roles_asked.is_some_and(|at| now.saturating_duration_since(at) < ROLES_PAUSE) {
            return None;
        }
        state.roles_asked = Some(now);
        self.launch(&mut state, None).ok().map(Next::Join)
    }

    /// Begins the one fetch; nobody else may be flying.
    fn launch(
        self: &Arc<Self>,
        state: &mut State,
        claims: Option<Arc<str>>,
    ) -> Result<Flight, TokenError> {
        let runtime = Handle::try_current()
            .map_err(|_| TokenError::transient("signing in needs a tokio runtime"))?;
        let (landing, outcome) = watch::channel(None);
        state.flights += 1;
        let (number, began) = (state.flights, self.clock.now());
        let flight = Flight { number, began, claims: claims.clone(), outcome };
        state.flight = Some(flight.clone());
        let shared = Arc::clone(self);
        runtime.spawn(async move {
            let ticket = Ticket { shared, number };
            let shared = &ticket.shared;
            let began = (shared.clock.now(), shared.clock.wall());
            let fetched = shared.fetch(claims.as_deref()).await;
            let fingerprint = shared.fingerprint();
            let outcome = {
                let mut state = shared.lock();
                state.abandon(number);
                shared.settle(&mut state, (number, claims), began, fetched, fingerprint)
            };
            landing.send_replace(Some(outcome));
        });
        Ok(flight)
    }

    /// The source's fingerprint, which may panic.
    fn fingerprint(&self) -> u64 {
        std::panic::catch_unwind(AssertUnwindSafe(|| self.source.fingerprint())).unwrap_or_default()
    }

    /// Asks the source, which may hang or panic.
    async fn fetch(&self, claims: Option<&str>) -> Result<Token, TokenError> {
        let ask =
            TokenRequest::new(&self.authority, &self.audience, &*self.transport, &*self.clock)
                .with_claims(claims);
        let mut fetch = std::pin::pin!(async { self.source.fetch(&ask).await });
        let contained = std::future::poll_fn(move |cx| {
            let polled = std::panic::catch_unwind(AssertUnwindSafe(|| fetch.as_mut().poll(cx)));
            polled.unwrap_or_else(|_| {
                Poll::Ready(Err(TokenError::transient("the token source panicked")))
            })
        });
        tokio::time::timeout(FETCH_LIMIT, contained).await.unwrap_or_else(|_| {
            Err(TokenError::transient("the token source gave no answer within 20 s"))
        })
    }

    /// Takes the outcome of a fetch in.
    fn settle(
        &self,
        state: &mut State,
        (number, claims): (u64, Option<Arc<str>>),
        (began, wall_began): (Instant, Timestamp),
        outcome: Result<Token, TokenError>,
        fingerprint: u64,
    ) -> Result<Bearer, TokenError> {
        let taken = outcome.and_then(|token| {
            let lifetime = token.lifetime().min(LONGEST);
            if lifetime.is_zero() {
                return Err(TokenError::transient("the token's lifetime is zero"));
            }
            let window = |less: Duration| {
                let good = lifetime.saturating_sub(less);
                Window { until: began + good, wall_until: wall_began.plus(good) }
            };
            let usable = window(TOO_LATE.min(lifetime / 10));
            if !usable.holds(self.clock.now(), self.clock.wall()) {
                return Err(TokenError::transient("the token had ended when it arrived"));
            }
            let bearer = Bearer::new(&token, number, self.source.tenant(), &self.audience)?;
            Ok(Held { bearer, claims, fresh: window(EARLY.min(lifetime / 5)), usable })
        });
        match taken {
            Ok(held) => {
                let bearer = held.bearer.clone();
                let newest = state.held.as_ref().is_none_or(|h| h.bearer.generation() < number);
                if newest {
                    state.held = Some(held);
                }
                state.quiet_until = None;
                state.cooling = None;
                Ok(bearer)
            }
            Err(error) => {
                let now = self.clock.now();
                let jitter = Duration::from_millis(random_bits() % 12_000);
                state.quiet_until = Some(now + QUIET * 4 / 5 + jitter);
                let cools = error.is_permanent() || error.kind() == TokenErrorKind::Throttled;
                state.cooling = cools.then(|| {
                    let step =
                        state.cooling.as_ref().map_or(COOLING.0, |c| (c.step * 2).min(COOLING.1));
                    Cooling { error: error.clone(), until: now + step, step, fingerprint }
                });
                Err(error)
            }
        }
    }
}

impl Window {
    fn holds(&self, now: Instant, wall: Timestamp) -> bool {
        now < self.until && wall < self.wall_until
    }
}

impl State {
    /// The flight of this number, if it is still the one, is over or lost: the next caller may fly.
    fn abandon(&mut self, number: u64) {
        if self.flight.as_ref().is_some_and(|flight| flight.number == number) {
            self.flight = None;
        }
    }

    /// A flight that takes longer than a fetch may stands still with its runtime.
    fn forget_lost_flight(&mut self, now: Instant) {
        let limit = FETCH_LIMIT + Duration::from_secs(5);
        let lost = |flight: &Flight| now.saturating_duration_since(flight.began) > limit;
        if self.flight.as_ref().is_some_and(lost) {
            self.flight = None;
        }
    }
}

/// Held by the task of a flight, which may be dropped with its runtime.
struct Ticket {
    shared: Arc<Shared>,
    number: u64,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.shared.lock().abandon(self.number);
    }
}
