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
use super::error::TokenError;
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
}

struct Held {
    bearer: Bearer,
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
struct Flight(watch::Receiver<Option<Result<Bearer, TokenError>>>);

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

    /// A usable token: the one that is kept, or else the next one.
    pub(crate) async fn get(&self) -> Result<Bearer, TokenError> {
        loop {
            let flight = match self.0.next()? {
                Next::Use(bearer) => return Ok(bearer),
                Next::Join(flight) => flight,
            };
            if let Some(outcome) = flight.landed().await {
                return outcome;
            }
            // The runtime that ran the fetch is gone, and its flight with it.
        }
    }

    /// After a 401: another token, or `None` if the source gives the same one again. Claims that the service
    /// asked for go to the source with this one fetch.
    pub(crate) async fn renewed(
        &self,
        refused: &Bearer,
        claims: Option<String>,
    ) -> Result<Option<Bearer>, TokenError> {
        self.0.reject(refused);
        if claims.is_some() {
            while let Some(flight) = self.0.flight() {
                flight.landed().await;
            }
            let flight = self.0.launch(&mut self.0.lock(), claims)?;
            flight.landed().await;
        }
        let bearer = self.get().await?;
        Ok((!bearer.is_same_token(refused)).then_some(bearer))
    }

    /// Forgets the token that the service refused. A late refusal of an older one touches nothing.
    pub(crate) fn reject(&self, refused: &Bearer) {
        self.0.reject(refused);
    }

    pub(crate) fn source(&self) -> &dyn TokenSource {
        &*self.0.source
    }

    /// After a 403 for want of a role: a token with other roles, if there is one. The present one stays.
    pub(crate) async fn with_other_roles(&self, refused: &Bearer) -> Option<Bearer> {
        let flight = match self.0.next_for_roles(refused)? {
            Next::Use(bearer) => return Some(bearer).filter(|b| b.has_other_roles(refused)),
            Next::Join(flight) => flight,
        };
        let bearer = flight.landed().await?.ok()?;
        Some(bearer).filter(|bearer| bearer.has_other_roles(refused))
    }
}

impl Bearer {
    fn has_other_roles(&self, other: &Self) -> bool {
        self.claims().roles != other.claims().roles
    }
}

impl Flight {
    /// What came of it; `None` if it was lost.
    async fn landed(mut self) -> Option<Result<Bearer, TokenError>> {
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flight(&self) -> Option<Flight> {
        self.lock().flight.clone()
    }

    fn next(self: &Arc<Self>) -> Result<Next, TokenError> {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let mut state = self.lock();
        if let Some(held) = state.held.as_ref().filter(|held| held.usable.holds(now, wall)) {
            let bearer = held.bearer.clone();
            let ageing = !held.fresh.holds(now, wall);
            if ageing
                && state.flight.is_none()
                && state.quiet_until.is_none_or(|until| now >= until)
            {
                self.launch(&mut state, None)?;
            }
            return Ok(Next::Use(bearer));
        }
        if let Some(flight) = &state.flight {
            return Ok(Next::Join(flight.clone()));
        }
        if let Some(cooling) = &state.cooling
            && now < cooling.until
            && cooling.fingerprint == self.source.fingerprint()
        {
            return Err(cooling.error.clone());
        }
        self.launch(&mut state, None).map(Next::Join)
    }

    fn next_for_roles(self: &Arc<Self>, refused: &Bearer) -> Option<Next> {
        let now = self.clock.now();
        let mut state = self.lock();
        let newer = state.held.as_ref().filter(|h| h.bearer.generation() > refused.generation());
        if let Some(held) = newer {
            return Some(Next::Use(held.bearer.clone()));
        }
        if state.roles_asked.is_some_and(|at| now.saturating_duration_since(at) < ROLES_PAUSE) {
            return None;
        }
        state.roles_asked = Some(now);
        match &state.flight {
            Some(flight) => Some(Next::Join(flight.clone())),
            None => self.launch(&mut state, None).ok().map(Next::Join),
        }
    }

    fn reject(&self, refused: &Bearer) {
        let mut state = self.lock();
        if state.held.as_ref().is_some_and(|h| h.bearer.generation() == refused.generation()) {
            state.held = None;
        }
    }

    /// Begins the one fetch; nobody else may be flying.
    fn launch(
        self: &Arc<Self>,
        state: &mut State,
        claims: Option<String>,
    ) -> Result<Flight, TokenError> {
        let runtime = Handle::try_current()
            .map_err(|_| TokenError::transient("signing in needs a tokio runtime"))?;
        let (landing, flight) = watch::channel(None);
        let flight = Flight(flight);
        state.flights += 1;
        state.flight = Some(flight.clone());
        let number = state.flights;
        let shared = Arc::clone(self);
        runtime.spawn(async move {
            let mut ticket = Ticket { shared, number, landed: false };
            let began = (ticket.shared.clock.now(), ticket.shared.clock.wall());
            let outcome = ticket.shared.fetch(claims.as_deref()).await;
            let outcome = ticket.land(began, outcome);
            landing.send_replace(Some(outcome));
        });
        Ok(flight)
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
        (began, wall_began): (Instant, Timestamp),
        outcome: Result<Token, TokenError>,
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
            let bearer = Bearer::new(&token, state.flights, self.source.tenant(), &self.audience)?;
            Ok(Held { bearer, fresh: window(EARLY.min(lifetime / 5)), usable })
        });
        match taken {
            Ok(held) => {
                let bearer = held.bearer.clone();
                state.held = Some(held);
                state.quiet_until = None;
                state.cooling = None;
                Ok(bearer)
            }
            Err(error) => {
                let now = self.clock.now();
                let jitter = Duration::from_millis(random_bits() % 12_000);
                state.quiet_until = Some(now + QUIET * 4 / 5 + jitter);
                state.cooling = error.is_permanent().then(|| {
                    let step =
                        state.cooling.as_ref().map_or(COOLING.0, |c| (c.step * 2).min(COOLING.1));
                    let fingerprint = self.source.fingerprint();
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

/// Held by the task of a flight; if the task is dropped with its runtime, the next caller may fly.
struct Ticket {
    shared: Arc<Shared>,
    number: u64,
    landed: bool,
}

impl Ticket {
    fn land(
        &mut self,
        began: (Instant, Timestamp),
        outcome: Result<Token, TokenError>,
    ) -> Result<Bearer, TokenError> {
        self.landed = true;
        let mut state = self.shared.lock();
        state.flight = None;
        self.shared.settle(&mut state, began, outcome)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if !self.landed && state.flights == self.number {
            state.flight = None;
        }
    }
}
