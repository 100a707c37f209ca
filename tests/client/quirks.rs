//! The quirks of the service's machine actions by name, under each value of the switch they hang on.

use std::sync::Arc;
use std::time::Duration;

use defender_response::emulator::{
    Act, Actor, Emulator, EmulatorBuilder, FaultRule, Isolation, PlainFault,
};
use defender_response::{
    Client, Clock, Disposition, IsolationType, MachineHandle, MachineId, TestClock,
};

use crate::script::signing_in_to;

const HOST: &str = "ws-042.corp.example";
const MINUTE: Duration = Duration::from_secs(60);

/// Two programs with the same application, and what is really so.
struct World {
    emulator: Emulator,
    one: MachineHandle,
    other: MachineHandle,
}

impl World {
    fn new(switches: &[(&str, &str)]) -> Self {
        Self::by_clocks(switches, |clock| clock)
    }

    fn by_clocks(
        switches: &[(&str, &str)],
        ours: impl Fn(Arc<TestClock>) -> Arc<TestClock>,
    ) -> Self {
        let start = "2026-03-01T03:00:00Z".parse().unwrap();
        let clock = Arc::new(TestClock::starting_at(start));
        let set = |builder: EmulatorBuilder, (name, value): &(&str, &str)| {
            builder.set(name, value).unwrap()
        };
        let builder = switches.iter().fold(Emulator::builder(), set);
        let emulator = builder.clock(clock.clone()).build();
        let id = emulator.machines().into_iter().find(|m| m.name == HOST).unwrap().id;
        let program = || {
            let ours: Arc<dyn Clock> = ours(Arc::new(TestClock::starting_at(start)));
            let client: Client = signing_in_to(&emulator)
                .base_url(emulator.base_url())
                .authority(emulator.authority())
                .transport(emulator.transport())
                .clock(ours)
                .build()
                .unwrap();
            client.machine(id.parse::<MachineId>().unwrap())
        };
        let (one, other) = (program(), program());
        Self { emulator, one, other }
    }

    fn isolation(&self) -> Isolation {
        self.emulator.host(self.one.id().as_str()).unwrap().isolation
    }

    fn act(&self, act: Act) -> String {
        self.emulator.act(Actor::Analyst, self.one.id().as_str(), act, "by hand").unwrap()
    }

    fn effects(&self, operation: &str) -> usize {
        self.emulator.journal().iter().filter(|e| e.operation == operation && e.effect).count()
    }

    fn requests(&self, operation: &str) -> u64 {
        self.emulator.stats().operations.get(operation).copied().unwrap_or(0)
    }

    /// The isolations that will still be carried out.
    fn armed(&self) -> usize {
        let actions = self.emulator.actions();
        let open = |status: &str| matches!(status, "Pending" | "InProgress");
        actions.iter().filter(|a| open(a["status"].as_str().unwrap())).count()
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_action_in_a_201_is_not_taken_for_ours() {
    for status in ["201", "200"] {
        let world = World::new(&[("duplicate_status", status), ("settle", "30")]);
        let fault = PlainFault::DuplicateReturnsPending;
        world.emulator.fault(FaultRule::new("isolate", fault)).unwrap();
        let told = world.one.isolate(IsolationType::Full, "INC-4711").await.unwrap();
        assert_eq!(told.disposition(), Disposition::AlreadyPending, "{status}");
        assert_eq!(told.action().request_source.as_ref().unwrap().as_str(), "Portal");
        assert_eq!(world.effects("isolate"), 0, "{status}: an analyst was a moment earlier");
        told.wait().within(MINUTE).await.unwrap();
        assert_eq!(world.isolation(), Isolation::Full);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_duplicate_leads_to_the_action_that_is_under_way() {
    for lag in ["0", "10"] {
        let world =
            World::new(&[("duplicate_action", "refused"), ("settle", "30"), ("list_lag", lag)]);
        world.emulator.fault(FaultRule::new("isolate", PlainFault::DuplicateRefused)).unwrap();
        let told = world.one.isolate(IsolationType::Full, "INC-4711").await.unwrap();
        assert_eq!(told.disposition(), Disposition::AlreadyPending, "{lag}");
        assert_eq!(told.action().request_source.as_ref().unwrap().as_str(), "Portal");
        assert_eq!((world.requests("isolate"), world.effects("isolate")), (1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_isolation_of_an_isolated_host_is_not_sent_so_that_nothing_fires_after_the_release()
 {
    for duplicate in ["same_action", "refused", "stuck"] {
        let world = World::new(&[("duplicate_action", duplicate)]);
        let first = world.one.isolate(IsolationType::Full, "INC-4711").await.unwrap();
        first.wait().within(MINUTE).await.unwrap();
        let again = world.other.isolate(IsolationType::Full, "INC-4711").await.unwrap();
        assert_eq!(again.disposition(), Disposition::AlreadyInState, "{duplicate}");
        assert_eq!(world.requests("isolate"), 1, "{duplicate}");

        let released = world.one.unisolate("cleaned").await.unwrap();
        released.wait().within(MINUTE).await.unwrap();
        tokio::time::sleep(10 * MINUTE).await;
        assert_eq!((world.isolation(), world.armed()), (Isolation::None, 0), "{duplicate}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stuck_duplicate_of_somebody_elses_stands_in_a_releases_way_until_it_is_cancelled() {
    for duplicate in ["same_action", "stuck"] {
        let world = World::new(&[("duplicate_action", duplicate)]);
        let first = world.one.isolate(IsolationType::Full, "INC-4711").await.unwrap();
        first.wait().within(MINUTE).await.unwrap();
        world.emulator.fault(FaultRule::new("isolate", PlainFault::StuckDuplicate)).unwrap();
        let stuck = world
            .other
            .clone()
            .without_lookup()
            .isolate(IsolationType::Full, "by a program that doesn't look")
            .await
            .unwrap();
        assert_eq!(world.armed(), 1, "{duplicate}");

        let told = world.one.unisolate("cleaned").await.unwrap_err();
        assert!(told.is_conflict(), "{told}");
        assert_eq!(&told.action().unwrap().id, stuck.id(), "it names what would fire");
        assert_eq!(world.requests("unisolate"), 0);

        stuck.cancel("in the way of the release").await.unwrap();
        let released = world.one.unisolate("cleaned").await.unwrap();
        released.wait().within(MINUTE).await.unwrap();
        tokio::time::sleep(10 * MINUTE).await;
        assert_eq!((world.isolation(), world.armed()), (Isolation::None, 0), "{duplicate}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_programs_at_once_are_each_told_whose_action_it_is() {
    for (duplicate, dispositions, effects) in [
        ("same_action", [Disposition::AlreadyPending, Disposition::Created], 1),
        ("refused", [Disposition::AlreadyPending, Disposition::Created], 1),
        // The service takes both, and nobody but itself could have helped it.
        ("stuck", [Disposition::Created, Disposition::Created], 2),
    ] {
        let world =
            World::new(&[("duplicate_action", duplicate), ("settle", "30"), ("latency", "0.2")]);
        let (one, other) = tokio::join!(
            world.one.isolate(IsolationType::Full, "one program"),
            world.other.isolate(IsolationType::Full, "another program"),
        );
        let (one, other) = (one.unwrap(), other.unwrap());
        let mut told = [one.disposition(), other.disposition()];
        told.sort_by_key(ToString::to_string);
        let mut expected = dispositions;
        expected.sort_by_key(ToString::to_string);
        assert_eq!(told, expected, "{duplicate}");
        assert_eq!(one.id() == other.id(), effects == 1, "{duplicate}");
        assert_eq!((world.requests("isolate"), world.effects("isolate")), (2, effects));
    }
}

#[tokio::test(start_paused = true)]
async fn an_analyst_in_between_is_noticed_before_and_after() {
    for opposite in ["refused", "accepted"] {
        let world = World::new(&[("opposite_action", opposite), ("settle", "30")]);
        let theirs = world.act(Act::Isolate);
        let told = world.one.isolate(IsolationType::Full, "INC-4711").await.unwrap();
        assert_eq!(told.disposition(), Disposition::AlreadyPending, "{opposite}");
        assert_eq!((told.id().as_str(), world.requests("isolate")), (theirs.as_str(), 0));

        let refused = world.one.unisolate("too early").await.unwrap_err();
        assert!(refused.is_conflict() && world.requests("unisolate") == 0, "{opposite}");

        told.wait().within(MINUTE).await.unwrap();
        let released = world.one.unisolate("cleaned").await.unwrap();
        assert_eq!(released.disposition(), Disposition::Created, "{opposite}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_was_released_locally_is_in_state_by_the_records_alone() {
    for release in ["accepted", "refused"] {
        let world = World::new(&[("unisolate_not_isolated", release)]);
        let first = world.one.isolate(IsolationType::Full, "INC-4711").await.unwrap();
        first.wait().within(MINUTE).await.unwrap();
        world.emulator.force_release(world.one.id().as_str()).unwrap();
        tokio::time::sleep(10 * MINUTE).await;

        let told = world.one.isolate(IsolationType::Full, "INC-4711").await.unwrap();
        assert_eq!(told.disposition(), Disposition::AlreadyInState, "{release}");
        assert!(told.age().unwrap() >= 9 * MINUTE, "it says how old its evidence is");
        let sent = world.one.clone().regardless().isolate(IsolationType::Full, "again").await;
        assert_eq!(sent.unwrap().disposition(), Disposition::Created, "{release}");
        tokio::time::sleep(MINUTE).await;
        assert_eq!(world.isolation(), Isolation::Full, "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_lags_hides_an_action_for_that_long_and_never_makes_a_false_word() {
    for (lag, requests) in [("0", 1), ("10", 2)] {
        let world = World::new(&[("list_lag", lag), ("settle", "60")]);
        let first = world.one.isolate(IsolationType::Full, "INC-4711").await.unwrap();
        let second = world.other.isolate(IsolationType::Full, "INC-4711").await.unwrap();
        assert_eq!(second.disposition(), Disposition::AlreadyPending, "{lag}");
        assert_eq!(second.id(), first.id(), "{lag}");
        assert_eq!((world.requests("isolate"), world.effects("isolate")), (requests, 1));

        tokio::time::sleep(Duration::from_secs(20)).await;
        let third = world.other.isolate(IsolationType::Full, "INC-4711").await.unwrap();
        assert_eq!(third.disposition(), Disposition::AlreadyPending, "{lag}");
        assert_eq!(world.requests("isolate"), requests, "{lag}: by now the list shows it");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_five_minutes_off_makes_no_age_and_no_disposition_wrong() {
    for ahead in [true, false] {
        let off = |clock: Arc<TestClock>| {
            if ahead {
                clock.set_forward(5 * MINUTE);
            } else {
                clock.set_back(5 * MINUTE);
            }
            clock
        };
        let world = World::by_clocks(&[], off);
        let first = world.one.isolate(IsolationType::Full, "INC-4711").await.unwrap();
        assert_eq!(first.disposition(), Disposition::Created, "{ahead}");
        first.wait().within(MINUTE).await.unwrap();
        tokio::time::sleep(2 * MINUTE).await;
        let again = world.other.isolate(IsolationType::Full, "INC-4711").await.unwrap();
        assert_eq!(again.disposition(), Disposition::AlreadyInState, "{ahead}");
        let age = again.age().unwrap();
        assert!((MINUTE..3 * MINUTE).contains(&age), "{ahead}: {age:?}");

        let fault = PlainFault::ResetBeforeEffect;
        world.emulator.fault(FaultRule::new("unisolate", fault)).unwrap();
        let lost = world.one.unisolate("cleaned").await.unwrap_err();
        let (from, to) = lost.sent_between().unwrap();
        let at = world.emulator.journal().into_iter().rfind(|e| e.operation == "unisolate");
        let at = at.unwrap().at.parse().unwrap();
        assert!(from <= at && at <= to, "{ahead}: {from} {at} {to}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_scope_that_the_answer_lacks_is_no_doubt_and_another_one_is() {
    for shown in ["null", "filled"] {
        let world = World::new(&[("scope_on_create", shown), ("name_on_create", shown)]);
        let sent = world.one.isolate(IsolationType::Selective, "INC-4711").await.unwrap();
        assert_eq!(sent.disposition(), Disposition::Created, "{shown}");
        assert_eq!(sent.scope_confirmed(), (shown == "filled").then_some(true), "{shown}");
        sent.wait().within(MINUTE).await.unwrap();
        let again = world.other.isolate(IsolationType::Selective, "INC-4711").await.unwrap();
        assert_eq!(again.scope_confirmed(), Some(true), "{shown}");
        let other = world.other.isolate(IsolationType::Full, "INC-4711").await.unwrap_err();
        assert!(other.is_conflict() && world.requests("isolate") == 1, "{shown}: {other}");
    }
}
