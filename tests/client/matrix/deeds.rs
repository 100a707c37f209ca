//! What is done in a cell: each operation of the catalog by itself, and each verb that is more than one request.

use defender_response::emulator::Emulator;
use defender_response::model::{AlertStatus, IndicatorAction, IndicatorType};
use defender_response::{
    ActionId, AlertId, AlertUpdate, BatchDeleteIndicators, BatchUpdateAlerts, CancelMachineAction,
    Client, CreateOrUpdateIndicator, DeleteIndicator, Disposition, FindMachinesByIp,
    FindMachinesByTag, GetAlert, GetIndicator, GetMachine, GetMachineAction, ImportIndicators,
    ImportOutcome, IndicatorId, Isolate, IsolationType, ListAlerts, ListIndicators,
    ListMachineActions, ListMachines, MachineHandle, MachineId, NewIndicator, Operation,
    RestrictCodeExecution, Result, RunAntiVirusScan, Safety, ScanType, Submitted, Unisolate,
    UnrestrictCodeExecution, UpdateAlert, catalog,
};

/// One way to use the crate.
#[derive(Clone, Copy, Debug)]
pub struct Deed {
    pub name: &'static str,
    /// The operation that goes wrong.
    pub fails: &'static str,
    /// The operation whose effect is counted.
    pub does: &'static str,
    pub class: Class,
}

/// The columns of the short table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    Read,
    Idempotent,
    /// A raw operation that must not be repeated, or a method that doesn't look further.
    Once,
    /// A method that looks where the answer was lost.
    Verb,
    /// A verb whose look beforehand goes wrong.
    LookUp,
}

pub fn deeds() -> Vec<Deed> {
    let raw = catalog::OPERATIONS.iter().map(|spec| Deed {
        name: spec.name,
        fails: spec.name,
        does: spec.name,
        class: match spec.safety {
            Safety::Once => Class::Once,
            Safety::Idempotent => Class::Idempotent,
            _ => Class::Read,
        },
    });
    let verb = |name, does, class| Deed { name, fails: does, does, class };
    let verbs = [
        verb("machine.isolate", "isolate", Class::Verb),
        verb("machine.unisolate", "unisolate", Class::Verb),
        verb("machine.scan", "scan", Class::Verb),
        verb("machine.restrict", "restrict_code_execution", Class::Verb),
        verb("machine.unrestrict", "unrestrict_code_execution", Class::Verb),
        verb("alert.comment", "update_alert", Class::Verb),
        verb("alerts.batch_comment", "batch_update_alerts", Class::Verb),
        verb("raw comment", "update_alert", Class::Once),
        verb("raw batch comment", "batch_update_alerts", Class::Once),
        verb("action.cancel", "cancel_machine_action", Class::Idempotent),
        verb("indicators.import", "import_indicators", Class::Idempotent),
        verb("indicators.delete", "delete_indicator", Class::Idempotent),
        verb("indicators.batch_delete", "batch_delete_indicators", Class::Idempotent),
    ];
    let looking = ["isolate", "unisolate", "restrict", "unrestrict"].map(|name| Deed {
        name: match name {
            "isolate" => "machine.isolate",
            "unisolate" => "machine.unisolate",
            "restrict" => "machine.restrict",
            _ => "machine.unrestrict",
        },
        fails: "list_machine_actions",
        does: match name {
            "restrict" => "restrict_code_execution",
            "unrestrict" => "unrestrict_code_execution",
            other => other,
        },
        class: Class::LookUp,
    });
    raw.chain(verbs).chain(looking).collect()
}

/// A world in which every deed has something to be done to.
pub struct Place {
    free: MachineId,
    isolated: MachineId,
    restricted: MachineId,
    pending: ActionId,
    alerts: Vec<AlertId>,
    indicators: Vec<IndicatorId>,
}

impl Place {
    pub async fn prepare(emulator: &Emulator, hand: &Client) -> Self {
        let machines: Vec<MachineId> =
            emulator.machines().iter().take(4).map(|m| m.id.parse().unwrap()).collect();
        let [free, isolated, restricted, offline] = <[MachineId; 4]>::try_from(machines).unwrap();
        let host = |id: &MachineId| hand.machine(id.clone()).without_lookup();
        let _ = host(&isolated).isolate(IsolationType::Full, "before").await.unwrap();
        let _ = host(&restricted).restrict_code_execution("before").await.unwrap();
        emulator.set_offline(offline.as_str(), None).unwrap();
        let pending = host(&offline).isolate(IsolationType::Full, "before").await.unwrap();
        let pending = pending.id().clone();
        let mut indicators = Vec::new();
        for value in ["one.example", "two.example"] {
            indicators.push(hand.indicators().create_or_update(block(value)).await.unwrap().id);
        }
        let alerts = emulator.alerts().iter().map(|id| id.parse().unwrap()).collect();
        emulator.clear_journal();
        Self { free, isolated, restricted, pending, alerts, indicators }
    }

    /// Whether the outcome of a submission is an adopted action; `None` where there is no such word.
    pub async fn perform(&self, deed: Deed, client: &Client) -> Result<Option<Disposition>> {
        if deed.name.contains('.') {
            return self.by_method(deed.name, client).await;
        }
        self.raw(deed.name, client).await.map(|()| None)
    }

    async fn by_method(&self, name: &str, client: &Client) -> Result<Option<Disposition>> {
        let host = |id: &MachineId| client.machine(id);
        let submitted = |s: Submitted| Some(s.disposition());
        let isolate = |host: MachineHandle| async move {
            host.isolate(IsolationType::Full, "INC-4711").await
        };
        match name {
            "machine.isolate" => isolate(host(&self.free)).await.map(submitted),
            "machine.unisolate" => host(&self.isolated).unisolate("INC-4711").await.map(submitted),
            "machine.scan" => {
                host(&self.free).scan(ScanType::Quick, "INC-4711").await.map(submitted)
            }
            "machine.restrict" => {
                host(&self.free).restrict_code_execution("INC-4711").await.map(submitted)
            }
            "machine.unrestrict" => {
                host(&self.restricted).unrestrict_code_execution("INC-4711").await.map(submitted)
            }
            "alert.comment" => {
                client.alert(self.alerts[0].clone()).comment("INC-4711").await.map(|_| None)
            }
            "alerts.batch_comment" => {
                let update = AlertUpdate::new().comment("INC-4711");
                client.alerts().batch_update(self.alerts.clone(), update).await.map(|()| None)
            }
            "action.cancel" => {
                let cancelled = client.action(self.pending.clone()).cancel("INC-4711").await?;
                assert_eq!(cancelled.status.as_str(), "Cancelled");
                Ok(None)
            }
            "indicators.import" => {
                let outcomes = client.indicators().import(new()).await?;
                let accepted = |o: &ImportOutcome| matches!(o, ImportOutcome::Accepted { .. });
                assert!(outcomes.iter().all(accepted), "{outcomes:?}");
                Ok(None)
            }
            "indicators.delete" => {
                client.indicators().delete(self.indicators[0].clone()).await.map(|()| None)
            }
            "indicators.batch_delete" => {
                client.indicators().batch_delete(self.indicators.clone()).await.map(|()| None)
            }
            other => panic!("there is no deed {other}"),
        }
    }

    async fn raw(&self, name: &str, client: &Client) -> Result<()> {
        async fn send<O: Operation>(client: &Client, operation: O) -> Result<()> {
            client.send(&operation).await.map(drop)
        }
        let comment = AlertUpdate::new().comment("INC-4711");
        let resolve = AlertUpdate::new().status(AlertStatus::Resolved);
        let (free, alert) = (self.free.clone(), self.alerts[0].clone());
        match name {
            "isolate" => send(client, Isolate::new(free, IsolationType::Full, "c")).await,
            "unisolate" => send(client, Unisolate::new(self.isolated.clone(), "c")).await,
            "scan" => send(client, RunAntiVirusScan::new(free, ScanType::Quick, "c")).await,
            "restrict_code_execution" => send(client, RestrictCodeExecution::new(free, "c")).await,
            "unrestrict_code_execution" => {
                send(client, UnrestrictCodeExecution::new(self.restricted.clone(), "c")).await
            }
            "get_machine_action" => send(client, GetMachineAction::new(self.pending.clone())).await,
            "cancel_machine_action" => {
                send(client, CancelMachineAction::new(self.pending.clone(), "c")).await
            }
            "list_machine_actions" => send(client, ListMachineActions::new(None)).await,
            "get_machine" => send(client, GetMachine::by_id(&free)).await,
            "list_machines" => send(client, ListMachines::new(None)).await,
            "find_machines_by_ip" => {
                let address = "10.0.0.42".parse().unwrap();
                let at = "2026-03-01T03:00:00Z".parse().unwrap();
                send(client, FindMachinesByIp { address, at }).await
            }
            "find_machines_by_tag" => {
                send(client, FindMachinesByTag { tag: "server".to_owned() }).await
            }
            "get_alert" => send(client, GetAlert::new(alert)).await,
            "list_alerts" => send(client, ListAlerts::new(None)).await,
            "update_alert" => send(client, UpdateAlert::new(alert, resolve)).await,
            "raw comment" => send(client, UpdateAlert::new(alert, comment)).await,
            "batch_update_alerts" => {
                send(client, BatchUpdateAlerts::new(self.alerts.clone(), resolve)).await
            }
            "raw batch comment" => {
                send(client, BatchUpdateAlerts::new(self.alerts.clone(), comment)).await
            }
            "create_or_update_indicator" => {
                send(client, CreateOrUpdateIndicator { indicator: block("three.example") }).await
            }
            "import_indicators" => send(client, ImportIndicators { indicators: new() }).await,
            "get_indicator" => {
                send(client, GetIndicator { indicator: self.indicators[0].clone() }).await
            }
            "list_indicators" => send(client, ListIndicators::new(None)).await,
            "delete_indicator" => {
                send(client, DeleteIndicator { indicator: self.indicators[0].clone() }).await
            }
            "batch_delete_indicators" => {
                send(client, BatchDeleteIndicators { indicators: self.indicators.clone() }).await
            }
            other => panic!("{other} is in the catalog and not in the matrix"),
        }
    }
}

fn new() -> Vec<NewIndicator> {
    ["three.example", "four.example"].map(block).into()
}

fn block(value: &str) -> NewIndicator {
    NewIndicator::new(IndicatorType::DomainName, value, IndicatorAction::Block, "INC-4711", "C2")
}
