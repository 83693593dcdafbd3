//! What signaling counts, as metrics.

use std::time::Duration;

use podium_signaling::Signaling;
use podium_signaling::clock;
use podium_signaling::metrics::{
    Answers, BUCKETS_MS, CodeCounts, Counters, Histogram as ClientHistogram, HttpCounts, Population, ReportFault,
    TargetCounts, TryOutcome,
};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;

use super::family::{Sample, buckets_family, counter, gauge, histogram, histograms};

/// Reads signaling's counts.
pub(super) struct SignalingCollector {
    pub(super) signaling: Signaling,
    pub(super) desc: Desc,
}

impl Collector for SignalingCollector {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let counters = self.signaling.counters();
        let mut families = answers(&counters);
        families.extend(population(&self.signaling.population()));
        families.extend(sockets(&counters));
        families.extend(client_times(&counters));
        families.extend(webhooks(&counters));
        families.extend(http(&counters.http));
        families.extend(decisions(self.signaling.decision_places(), &counters));
        families
    }
}

fn answers(counters: &Counters) -> Vec<MetricFamily> {
    let mut joins = vec![
        (vec![("result", "ok")], counters.joins_ok.value() as f64),
        (vec![("result", "aborted")], counters.joins_aborted.value() as f64),
    ];
    joins.extend(by_code(&counters.joins_refused, "result"));
    vec![
        counter("podium_joins_total", "Joins by result: ok, aborted, or the code they were refused with.", &joins),
        counter(
            "podium_resumes_total",
            "Resumes by result.",
            &[
                (vec![("result", "ok")], counters.resumes_ok.value() as f64),
                (vec![("result", "session_stale")], counters.resumes_refused.value() as f64),
            ],
        ),
        counter("podium_refusals_total", "Requests that were refused, by code.", &by_code(&counters.refusals, "code")),
        counter(
            "podium_tokens_refused_total",
            "Tokens that were refused, by reason.",
            &labelled("reason", counters.tokens_refused.iter()),
        ),
        counter(
            "podium_client_reports_refused_total",
            "Measurements of clients that were not taken, by reason.",
            &ReportFault::ALL
                .map(|fault| (vec![("reason", fault.label())], counters.reports_refused.value(fault) as f64)),
        ),
    ]
}

fn population(population: &Population) -> Vec<MetricFamily> {
    let roles = [
        ("host", population.roles.hosts),
        ("guest", population.roles.guests),
        ("listener", population.roles.listeners),
    ]
    .map(|(role, count)| (vec![("role", role)], count as f64));
    vec![
        gauge("podium_rooms", "Rooms.", &alone(population.rooms as f64)),
        gauge("podium_participants", "Participants by role.", &roles),
    ]
}

fn decisions((held, most): (usize, usize), counters: &Counters) -> Vec<MetricFamily> {
    vec![
        gauge("podium_decisions", "Bans, denials, mutes and given ranks that are remembered.", &alone(held as f64)),
        gauge("podium_decisions_max", "How many of them can be remembered.", &alone(most as f64)),
        counter(
            "podium_decisions_refused_total",
            "Bans, denials, mutes and ranks that were refused since no further one can be remembered.",
            &alone(counters.memory_full.value() as f64),
        ),
    ]
}

fn sockets(counters: &Counters) -> Vec<MetricFamily> {
    vec![
        gauge("podium_sessions", "Open sockets.", &alone(counters.sessions.value() as f64)),
        counter(
            "podium_sessions_refused_total",
            "Sockets turned away: too many from one address.",
            &alone(counters.sessions_refused.value() as f64),
        ),
        counter(
            "podium_sessions_shed_total",
            "Sockets turned away: too many in all, or on their way into a room.",
            &alone(counters.sessions_shed.value() as f64),
        ),
        counter(
            "podium_sessions_gave_way_total",
            "Sockets that had not joined and gave way to others: places were short, or their identity had too many.",
            &alone(counters.sessions_gave_way.value() as f64),
        ),
        counter(
            "podium_slow_consumers_total",
            "Sessions cut off because they did not read.",
            &alone(counters.slow_consumers.value() as f64),
        ),
        counter(
            "podium_floods_total",
            "Sessions cut off because they did not stop flooding.",
            &alone(counters.floods.value() as f64),
        ),
        counter("podium_bad_frames_total", "Frames that were no requests.", &alone(counters.faults.value() as f64)),
        counter("podium_frames_in_total", "Frames read.", &alone(counters.frames_in.value() as f64)),
        counter("podium_frames_out_total", "Frames written.", &alone(counters.frames_out.value() as f64)),
        counter(
            "podium_log_spared_total",
            "Messages, and who came and went, that were not written down: their room had too many.",
            &alone(counters.log_spared.value() as f64),
        ),
        counter(
            "podium_facts_deferred_total",
            "Reports of the media plane that a room had no room for yet.",
            &alone(counters.facts_deferred.value() as f64),
        ),
    ]
}

/// Routes are templates, methods and statuses those that we know.
fn http(counts: &HttpCounts) -> Vec<MetricFamily> {
    let answers: Vec<Sample<'_>> = counts
        .answers()
        .map(|Answers { route, method, status, count }| {
            (vec![("route", route), ("method", method), ("status", status)], count as f64)
        })
        .collect();
    let took = counts.took.cumulative();
    let took = histogram(&[], edges(took), took[BUCKETS_MS.len()], counts.took.sum_seconds());
    vec![
        counter("podium_http_requests_total", "Requests of HTTP by route, method and status.", &answers),
        histograms("podium_http_request_seconds", "From a request's head to its answer.", std::iter::once(took)),
        counter(
            "podium_http_refusals_total",
            "Problems that requests of HTTP were answered with, by each code that came up.",
            &labelled("code", counts.refusals().filter(|(_, count)| *count > 0)),
        ),
    ]
}

/// The label is a name of the configuration.
fn webhooks(counters: &Counters) -> Vec<MetricFamily> {
    let targets = &counters.webhooks;
    let each = |of: &dyn Fn(&TargetCounts) -> f64| -> Vec<Sample<'_>> {
        targets.iter().map(|target| (vec![("target", target.name.as_str())], of(target))).collect()
    };
    let tries: Vec<Sample<'_>> = targets
        .iter()
        .flat_map(|target| {
            TryOutcome::ALL.map(|outcome| {
                let labels = vec![("target", target.name.as_str()), ("outcome", outcome.label())];
                (labels, target.tries.value(outcome) as f64)
            })
        })
        .collect();
    let now_ms = clock::unix_millis();
    vec![
        gauge("podium_webhooks_waiting", "Webhooks that wait.", &each(&|target| target.waiting() as f64)),
        counter("podium_webhook_tries_total", "Tries to deliver a webhook, by how they ended.", &tries),
        counter(
            "podium_webhooks_given_up_total",
            "Webhooks that were tried for a day and did not arrive.",
            &each(&|target| target.given_up.value() as f64),
        ),
        gauge(
            "podium_webhook_oldest_seconds",
            "How long the oldest webhook that waits has waited; 0 if none waits.",
            &each(&|target| target.oldest_age(now_ms).as_secs_f64()),
        ),
    ]
}

fn client_times(counters: &Counters) -> Vec<MetricFamily> {
    vec![
        client_histogram("podium_join_answer_seconds", "From a join's arrival to its welcome.", &counters.join_answer),
        client_histogram(
            "podium_client_join_seconds",
            "From the start of a join to the first audio played, by the client's word.",
            &counters.join_client,
        ),
        client_histogram(
            "podium_client_rtt_seconds",
            "Round trip of the media path, by the client's word.",
            &counters.client_rtt,
        ),
        client_histogram(
            "podium_client_jitter_buffer_seconds",
            "Delay of the jitter buffer, by the client's word.",
            &counters.client_jitter_buffer,
        ),
    ]
}

fn alone(value: f64) -> Vec<Sample<'static>> {
    vec![(Vec::new(), value)]
}

fn by_code<'a>(counts: &'a CodeCounts, label: &'a str) -> Vec<Sample<'a>> {
    labelled(label, counts.iter())
}

fn labelled<'a>(label: &'a str, counts: impl Iterator<Item = (&'static str, u64)>) -> Vec<Sample<'a>> {
    counts.map(|(value, count)| (vec![(label, value)], count as f64)).collect()
}

fn edges<const EDGES: usize>(counts: [u64; EDGES]) -> impl Iterator<Item = (f64, u64)> {
    BUCKETS_MS.iter().zip(counts).map(|(&edge, count)| (Duration::from_millis(edge).as_secs_f64(), count))
}

fn client_histogram(name: &str, help: &str, histogram: &ClientHistogram) -> MetricFamily {
    let counts = histogram.cumulative();
    buckets_family(name, help, edges(counts), counts[BUCKETS_MS.len()], histogram.sum_seconds())
}
