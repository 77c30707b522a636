//! What a route promises, computed from what its providers declare.

use dstream_protocol::Delivery;
use dstream_task::Guarantee;
use serde::Serialize;

use crate::route::{Member, Protocol, Route};

/// One input to one output, what that promises and why not more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RouteGuarantee {
    /// The input's name.
    pub input: String,
    /// The output's name.
    pub output: String,
    /// What the route promises.
    pub guarantee: Guarantee,
    /// What makes it so, for people.
    pub reason: String,
}

/// The guarantee of every route, inputs first.
pub fn compute(route: &Route) -> Vec<RouteGuarantee> {
    let critical = route.outputs.iter().filter(|o| o.block.critical).count();
    let pairs = route.inputs.iter().flat_map(|i| route.outputs.iter().map(move |o| (i, o)));
    pairs
        .map(|(input, output)| {
            let (guarantee, reason) = of_pair(input, output, critical);
            RouteGuarantee {
                input: input.block.name.clone(),
                output: output.block.name.clone(),
                guarantee,
                reason,
            }
        })
        .collect()
}

/// The routes of critical outputs that promise less than is required.
pub fn violations(route: &Route, required: Guarantee) -> Vec<RouteGuarantee> {
    let critical =
        |name: &str| route.outputs.iter().any(|o| o.block.critical && o.block.name == name);
    compute(route).into_iter().filter(|r| r.guarantee < required && critical(&r.output)).collect()
}

fn of_pair(input: &Member, output: &Member, critical: usize) -> (Guarantee, String) {
    if let Some(v1) = [input, output].into_iter().find(|m| m.program.protocol == Protocol::V1) {
        let why = format!("{} speaks version 1, which has no checkpoints", v1.title());
        return (Guarantee::BestEffort, why);
    }
    if !output.block.critical {
        return (Guarantee::BestEffort, format!("{} is not critical", output.title()));
    }
    if !delivery(input).replayable {
        return (Guarantee::BestEffort, format!("{} cannot be read again", input.title()));
    }
    let sink = delivery(output);
    if sink.transactional && critical == 1 {
        let why = "the checkpoint is committed in the destination's own transaction";
        return (Guarantee::ExactlyOnce, why.into());
    }
    if sink.idempotent {
        return (Guarantee::EffectivelyOnce, "writing an envelope again changes nothing".into());
    }
    if sink.append_only && critical == 1 {
        let why = "after a crash the destination is cut back to the last checkpoint";
        return (Guarantee::EffectivelyOnce, why.into());
    }
    let why = if critical > 1 && (sink.transactional || sink.append_only) {
        "several outputs share one position in the source"
    } else {
        "after a crash what follows the last checkpoint is written again"
    };
    (Guarantee::AtLeastOnce, why.into())
}

fn delivery(member: &Member) -> Delivery {
    member.program.delivery.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::Program;
    use dstream_protocol::Role;
    use dstream_task::{Block, Source};

    fn member(role: Role, name: &str, protocol: Protocol, delivery: Delivery) -> Member {
        let block = Block {
            name: name.into(),
            source: Source::Name(name.into()),
            config: serde_json::Value::Null,
            protocol: None,
            critical: true,
            pass_env: Vec::new(),
            env: Default::default(),
            sandbox: None,
        };
        let mut program = Program::new(name, protocol);
        program.delivery = Some(delivery);
        Member { role, block, program }
    }

    fn guarantee(input: Delivery, outputs: &[Delivery]) -> Vec<Guarantee> {
        let route = Route {
            inputs: vec![member(Role::Input, "in", Protocol::V2, input)],
            transforms: Vec::new(),
            outputs: outputs
                .iter()
                .enumerate()
                .map(|(i, d)| member(Role::Output, &format!("out{i}"), Protocol::V2, *d))
                .collect(),
        };
        compute(&route).into_iter().map(|r| r.guarantee).collect()
    }

    const REPLAYABLE: Delivery = Delivery {
        replayable: true,
        prunes_on_ack: false,
        transactional: false,
        idempotent: false,
        append_only: false,
        reshapes: false,
    };

    #[test]
    fn exactly_once_needs_a_replayable_input_and_a_transactional_output_of_its_own() {
        let transactional = Delivery { transactional: true, ..Delivery::default() };
        assert_eq!(guarantee(REPLAYABLE, &[transactional]), [Guarantee::ExactlyOnce]);
        assert_eq!(guarantee(Delivery::default(), &[transactional]), [Guarantee::BestEffort]);
        let both = guarantee(REPLAYABLE, &[transactional, transactional]);
        assert_eq!(both, [Guarantee::AtLeastOnce, Guarantee::AtLeastOnce]);
    }

    #[test]
    fn an_idempotent_output_makes_replays_harmless_and_any_other_repeats_them() {
        let idempotent = Delivery { idempotent: true, ..Delivery::default() };
        assert_eq!(guarantee(REPLAYABLE, &[idempotent]), [Guarantee::EffectivelyOnce]);
        assert_eq!(guarantee(REPLAYABLE, &[Delivery::default()]), [Guarantee::AtLeastOnce]);
    }

    #[test]
    fn version_1_is_best_effort_and_a_requirement_above_that_names_the_route() {
        let transactional = Delivery { transactional: true, ..Delivery::default() };
        let route = Route {
            inputs: vec![member(Role::Input, "in", Protocol::V1, REPLAYABLE)],
            transforms: Vec::new(),
            outputs: vec![member(Role::Output, "out", Protocol::V2, transactional)],
        };
        let refused = violations(&route, Guarantee::AtLeastOnce);
        assert_eq!(refused.len(), 1);
        assert!(refused[0].reason.contains("version 1"), "{}", refused[0].reason);
    }
}
