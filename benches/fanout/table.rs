use crate::room::Run;

pub fn print_heading() {
    println!("{:39}deliveries a    the limit's{:26}the limit's", "", "");
    print!("{:38}{:>8}{:>8}{:>8}", "", "wall s", "CPU s", "CPU s");
    println!(
        "{:>7}{:>8}{:>9}{:>8}{:>9}{:>8}",
        "ratio", "wanted", "p50", "p99", "p50", "p99"
    );
}

/// `ours` beside `theirs`, with the ratio of deliveries per CPU second.
pub fn print_row(work: &str, ours: &[Run], theirs: &[Run], wanted: &str) {
    print_row_by(|run| run.cpu, work, ours, theirs, wanted);
}

/// The same with the ratio of another figure.
pub fn print_row_by(
    figure: fn(&Run) -> f64,
    work: &str,
    ours: &[Run],
    theirs: &[Run],
    wanted: &str,
) {
    print!("{work:<38}{:>8}", rate(ours, |run| run.wall));
    for runs in [ours, theirs] {
        print!("{:>8}", rate(runs, |run| run.cpu));
    }
    let ratios = ours.iter().zip(theirs).map(|(a, b)| figure(a) / figure(b));
    print!("{:>7.2}{wanted:>8}", median(ratios));
    for runs in [ours, theirs] {
        print!("{:>9.2}", median(runs.iter().map(|run| run.p50)));
        print!("{:>8.2}", median(runs.iter().map(|run| run.p99)));
    }
    println!();
}

fn rate(runs: &[Run], figure: fn(&Run) -> f64) -> String {
    match median(runs.iter().map(figure)) {
        rate @ 1e7.. => format!("{:.1} M", rate / 1e6),
        rate @ 1e6.. => format!("{:.2} M", rate / 1e6),
        rate => format!("{:.0} k", rate / 1e3),
    }
}

pub fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}
