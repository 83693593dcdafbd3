//! Families of samples in Prometheus' own types, made at the moment of a scrape.

use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram as ProtoHistogram, LabelPair, Metric, MetricFamily, MetricType,
};

/// Labels and a value.
pub(super) type Sample<'a> = (Vec<(&'a str, &'a str)>, f64);

pub(super) fn counter(name: &str, help: &str, samples: &[Sample<'_>]) -> MetricFamily {
    family(
        name,
        help,
        MetricType::COUNTER,
        samples.iter().map(|(labels, value)| {
            let mut metric = labelled(labels);
            let mut counter = Counter::default();
            counter.set_value(*value);
            metric.set_counter(counter);
            metric
        }),
    )
}

pub(super) fn gauge(name: &str, help: &str, samples: &[Sample<'_>]) -> MetricFamily {
    family(
        name,
        help,
        MetricType::GAUGE,
        samples.iter().map(|(labels, value)| {
            let mut metric = labelled(labels);
            let mut gauge = Gauge::default();
            gauge.set_value(*value);
            metric.set_gauge(gauge);
            metric
        }),
    )
}

pub(super) fn buckets_family(
    name: &str,
    help: &str,
    buckets: impl Iterator<Item = (f64, u64)>,
    count: u64,
    sum: f64,
) -> MetricFamily {
    histograms(name, help, std::iter::once(histogram(&[], buckets, count, sum)))
}

/// A family of histograms, each with labels of its own.
pub(super) fn histograms(name: &str, help: &str, each: impl Iterator<Item = Metric>) -> MetricFamily {
    family(name, help, MetricType::HISTOGRAM, each)
}

/// One histogram.
pub(super) fn histogram(
    labels: &[(&str, &str)],
    buckets: impl Iterator<Item = (f64, u64)>,
    count: u64,
    sum: f64,
) -> Metric {
    let buckets: Vec<Bucket> = buckets
        .map(|(edge, count)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(edge);
            bucket.set_cumulative_count(count);
            bucket
        })
        .collect();
    let mut proto = ProtoHistogram::default();
    proto.set_bucket(buckets);
    proto.set_sample_count(count);
    proto.set_sample_sum(sum);
    let mut metric = labelled(labels);
    metric.set_histogram(proto);
    metric
}

fn labelled(labels: &[(&str, &str)]) -> Metric {
    let pairs = labels
        .iter()
        .map(|(name, value)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).into());
            pair.set_value((*value).into());
            pair
        })
        .collect();
    let mut metric = Metric::default();
    metric.set_label(pairs);
    metric
}

fn family(name: &str, help: &str, kind: MetricType, metrics: impl Iterator<Item = Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.into());
    family.set_help(help.into());
    family.set_field_type(kind);
    family.set_metric(metrics.collect());
    family
}
