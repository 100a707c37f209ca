//! The service as a state machine: a request and the time in, a reply out. No IO, no sleeping; what
//! happens by itself is caught up with at each request.
//!
//! The order of checks is the service's: token, licence, role, body, machine. So a made-up machine is
//! answered 403 without the role and 404 with it. The quota is counted once the token says whose it is.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST, HeaderMap};
use http::request::Parts;
use http::{Request, Response, StatusCode};

use super::agenda::Agenda;
use super::answer::{Answer, Refusal};
use super::api::{Asked, Call, Repeat};
use super::checks;
use super::control;
use super::entra::{self, Ask, Grant, Grants};
use super::faults::Faults;
use super::ids::Ids;
use super::journal::{Journal, JournalEntry};
use super::moment::{Moment, Stamp};
use super::quota::Quotas;
use super::reply::{Outcome, Reply};
use super::route::Route;
use super::switches::Switches;
use super::text::Fields;
use super::world::{Directory, Scene, Tenant};
use crate::clock::Clock;

/// Longer bodies are answered 413.
pub(crate) const LARGEST_BODY: usize = 4 * 1024 * 1024;

/// The journal keeps this much of a comment.
const LONGEST_COMMENT: usize = 4000;

/// The emulated service.
#[derive(Debug)]
pub(crate) struct Service {
    clock: Arc<dyn Clock>,
    began: Instant,
    pub(crate) switches: Switches,
    pub(crate) directory: Directory,
    pub(crate) agenda: Agenda,
    pub(crate) ids: Ids,
    pub(crate) grants: Grants,
    pub(crate) quotas: Quotas,
    pub(crate) faults: Faults,
    pub(crate) journal: Journal,
}

/// A request that has come in.
pub(crate) struct Arrived {
    pub(crate) asked: Asked,
    headers: HeaderMap,
    body: Bytes,
    pub(crate) now: Moment,
    /// What a fault makes of a repeated action.
    pub(crate) repeat: Option<Repeat>,
}

impl Service {
    pub(crate) fn new(clock: Arc<dyn Clock>, switches: Switches, seed: u64) -> Self {
        Self {
            began: clock.now(),
            clock,
            switches,
            directory: Directory::default(),
            agenda: Agenda::default(),
            ids: Ids::new(seed),
            grants: Grants::default(),
            quotas: Quotas::default(),
            faults: Faults::default(),
            journal: Journal::default(),
        }
    }

    pub(crate) fn handle(&mut self, now: Instant, request: Request<Bytes>) -> Reply {
        let now = self.advance(now);
        let (parts, body) = request.into_parts();
        let route = Route::of(&parts.method, parts.uri.path());
        if let Route::Control(what) = &route {
            let answer = control::answer(self, &parts.method, what, &body);
            return Outcome::Answer(answer.into_response(now)).into();
        }
        let asked = Asked {
            route,
            origin: origin(&parts),
            path: parts.uri.path().to_owned(),
            query: Fields::parse(parts.uri.query().unwrap_or_default().as_bytes()),
            json: serde_json::from_slice(&body).ok(),
        };
        let arrived = Arrived { asked, headers: parts.headers, body, now, repeat: None };
        let operation = arrived.asked.route.operation();
        match self.faults.take(operation, arrived.asked.route.target()) {
            Some(fault) => self.serve_badly(arrived, fault),
            None => self.serve(&arrived),
        }
    }

    /// The answer to a request whose body was longer than [`LARGEST_BODY`].
    pub(crate) fn too_large(&mut self, now: Instant) -> Response<Bytes> {
        let now = self.advance(now);
        too_large().into_answer(&self.ids.guid()).into_response(now)
    }

    /// Catches up with everything that has happened by itself until `now`.
    pub(crate) fn advance(&mut self, now: Instant) -> Moment {
        let offset = self.switches.clock_offset;
        let now = Moment {
            at: now.saturating_duration_since(self.began),
            wall: self.clock.wall().plus(offset.ahead).minus(offset.behind),
        };
        while let Some(due) = self.agenda.next_due(now.at) {
            self.in_tenant_at(due.tenant, now.back_to(due.at), |tenant, scene| {
                tenant.happen(&due.event, scene);
            });
        }
        now
    }

    /// [`advance`](Self::advance) to what the service's own clock shows.
    pub(crate) fn catch_up(&mut self) -> Moment {
        self.advance(self.clock.now())
    }

    /// Changes something in a tenant now.
    pub(crate) fn in_tenant<T>(
        &mut self,
        number: usize,
        change: impl FnOnce(&mut Tenant, &mut Scene<'_>) -> T,
    ) -> Option<T> {
        let now = self.catch_up();
        self.in_tenant_at(number, now, change)
    }

    fn in_tenant_at<T>(
        &mut self,
        number: usize,
        now: Moment,
        change: impl FnOnce(&mut Tenant, &mut Scene<'_>) -> T,
    ) -> Option<T> {
        let tenant = self.directory.get_mut(number)?;
        let mut scene = Scene {
            now,
            tenant: number,
            switches: &self.switches,
            agenda: &mut self.agenda,
            ids: &mut self.ids,
        };
        Some(change(tenant, &mut scene))
    }

    /// Answers as the service does when nothing goes wrong.
    pub(crate) fn serve(&mut self, arrived: &Arrived) -> Reply {
        let answer = self.answer(arrived);
        self.send(arrived, answer)
    }

    /// Enters an answer in the journal and sends it.
    pub(crate) fn send(&mut self, arrived: &Arrived, answer: Answer) -> Reply {
        self.enter(arrived, Some(answer.status), answer.effect);
        Outcome::Answer(answer.into_response(arrived.now)).into()
    }

    /// Does what is asked.
    pub(crate) fn answer(&mut self, arrived: &Arrived) -> Answer {
        let Arrived { asked, headers, body, now, .. } = arrived;
        if body.len() > LARGEST_BODY {
            return too_large().into_answer(&self.ids.guid());
        }
        if let Route::Token { tenant, version } = &asked.route {
            let switches = &self.switches;
            let ask = Ask { tenant, version: *version, headers, body, switches };
            return entra::answer(&ask, &self.directory, &mut self.grants, &mut self.ids, *now);
        }
        match self.call_api(arrived) {
            Ok(answer) => answer,
            Err(refusal) => refusal.into_answer(&self.ids.guid()),
        }
    }

    pub(crate) fn enter(&mut self, arrived: &Arrived, status: Option<StatusCode>, effect: bool) {
        let asked = &arrived.asked;
        self.journal.enter(JournalEntry {
            at: Stamp(arrived.now.wall).text(),
            operation: asked.route.operation().name(),
            target: asked.route.target().map(str::to_owned),
            comment: asked.comment().map(|text| text.chars().take(LONGEST_COMMENT).collect()),
            status: status.map(|s| s.as_u16()),
            effect,
        });
    }

    fn call_api(&mut self, arrived: &Arrived) -> Result<Answer, Refusal> {
        let Arrived { asked, headers, now, repeat, .. } = arrived;
        let grant = self.grant(headers, *now)?;
        let tenant = self.directory.get(grant.tenant).ok_or_else(checks::invalid_token)?;
        if let Some(refused) =
            checks::foreign_host(&asked.origin, tenant, self.switches.foreign_host)
        {
            return Ok(refused);
        }
        checks::standing(tenant.standing)?;
        if let Some(throttled) = self.throttle(asked, &grant, *now) {
            return Ok(throttled);
        }
        checks::roles(asked.route.operation(), &grant.roles, &self.switches)?;
        let repeat = repeat.unwrap_or(Repeat::meets(self.switches.duplicate_action));
        let (app, roles) = (grant.app, grant.roles);
        let Some(tenant) = self.directory.get_mut(grant.tenant) else {
            return Err(checks::invalid_token());
        };
        let scene = Scene {
            now: *now,
            tenant: grant.tenant,
            switches: &self.switches,
            agenda: &mut self.agenda,
            ids: &mut self.ids,
        };
        Call { asked, tenant, app, roles, scene, repeat }.answer()
    }

    /// The grant behind the request's token.
    fn grant(&self, headers: &HeaderMap, now: Moment) -> Result<Grant, Refusal> {
        let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (scheme, token) = header.and_then(|h| h.split_once(' ')).unwrap_or_default();
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(checks::invalid_token());
        }
        let found = self.grants.find(token.trim(), now);
        found.filter(|grant| grant.for_this_api).cloned().ok_or_else(checks::invalid_token)
    }

    /// A 429, if the call is one too many.
    fn throttle(&mut self, asked: &Asked, grant: &Grant, now: Moment) -> Option<Answer> {
        let operation = asked.route.operation();
        let limits = operation.limits().filter(|_| self.switches.quota)?;
        let payer = (grant.tenant, grant.app, operation);
        let wait = self.quotas.take(payer, limits, self.switches.quota_window, now.at).err()?;
        Some(checks::throttled(wait, &self.switches, now, &self.ids.guid()))
    }
}

/// Scheme and host as the caller wrote them; on a socket only the host is known.
fn origin(parts: &Parts) -> String {
    if let (Some(scheme), Some(authority)) = (parts.uri.scheme_str(), parts.uri.authority()) {
        return format!("{scheme}://{authority}");
    }
    let host = parts.headers.get(HOST).and_then(|value| value.to_str().ok());
    format!("http://{}", host.unwrap_or_default())
}

fn too_large() -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "BadRequest", "The request is too large")
}
