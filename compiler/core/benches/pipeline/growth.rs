//! How the time grows with the number of devices.

use std::fmt::Write as _;
use std::path::PathBuf;

use plotters::prelude::*;

use crate::Bench;

/// How many of each kind of device a domain has.
const COUNTS: [u32; 7] = [1, 10, 30, 100, 300, 1000, 3000];

/// `count` devices; the name of the series.
type Series = (&'static str, fn(&mut String, u32));

/// The series: what is put into the domain.
const SERIES: [Series; 6] = [
    ("disks and interfaces", |xml, count| {
        disks(xml, count, "virtio", 'v');
        interfaces(xml, count);
    }),
    ("virtio disks", |xml, count| disks(xml, count, "virtio", 'v')),
    ("SCSI disks", |xml, count| disks(xml, count, "scsi", 's')),
    ("controllers", controllers),
    ("USB devices", usb),
    ("channels", channels),
];

fn disks(xml: &mut String, count: u32, bus: &str, letter: char) {
    for number in 0..count {
        let name = name(number);
        let _ = write!(
            xml,
            "<disk type='file'><source file='/disks/{number}.img'/><target dev='{letter}d{name}' bus='{bus}'/></disk>"
        );
    }
}

fn interfaces(xml: &mut String, count: u32) {
    for number in 0..count {
        let [_, high, middle, low] = number.to_be_bytes();
        let _ = write!(
            xml,
            "<interface type='user'><mac address='52:54:00:{high:02x}:{middle:02x}:{low:02x}'/><model type='virtio'/></interface>"
        );
    }
}

fn controllers(xml: &mut String, count: u32) {
    for _ in 0..count {
        xml.push_str("<controller type='scsi' model='virtio-scsi'/>");
    }
}

fn usb(xml: &mut String, count: u32) {
    xml.push_str("<controller type='usb' model='qemu-xhci' ports='15'/>");
    for _ in 0..count {
        xml.push_str("<input type='tablet' bus='usb'/>");
    }
}

fn channels(xml: &mut String, count: u32) {
    for number in 0..count {
        let _ = write!(xml, "<channel type='unix'><target type='virtio' name='c.{number}'/></channel>");
    }
}

/// The letters of the `number`-th disk: `a` to `z`, `aa`, and so on.
fn name(number: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = number + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b'a' + u8::try_from(rest % 26).unwrap()));
        rest /= 26;
    }
    letters.iter().rev().collect()
}

/// Slots of a PCI bridge, without the one that another bridge takes.
const SLOTS: u32 = 30;
/// Buses that a machine has next to its root.
const BRIDGES: u32 = 254;

/// A domain with the devices, and the bridges that two PCI devices of each would need; libvirt itself adds fewer.
fn domain(devices: fn(&mut String, u32), count: u32) -> String {
    let mut xml = "<domain type='kvm'><name>growth</name><memory unit='MiB'>512</memory>\
        <os><type arch='x86_64' machine='pc'>hvm</type></os><devices><controller type='pci' index='0' model='pci-root'/>"
        .to_owned();
    for index in 1..=(2 * count / SLOTS).min(BRIDGES) {
        let _ = write!(xml, "<controller type='pci' index='{index}' model='pci-bridge'/>");
    }
    devices(&mut xml, count);
    xml.push_str("</devices></domain>");
    xml
}

/// Measures each series, prints it, and draws it where `VIRTC_PLOT` says so.
pub fn measure(bench: &mut Bench<'_>) {
    let mut lines = Vec::new();
    for (name, devices) in SERIES {
        println!("\n{name}: of each  milliseconds  microseconds for one more");
        let mut points: Vec<(f64, f64)> = Vec::new();
        for count in COUNTS {
            let text = domain(devices, count);
            if bench.compile(&text).is_none() {
                println!("{count:8}  more than a machine holds");
                continue;
            }
            let time = bench.time(&text, 5).as_secs_f64() * 1e3;
            let (before, was) = points.last().copied().unwrap_or_default();
            let more = (time - was) * 1e3 / (f64::from(count) - before);
            println!("{count:8}  {time:12.3}  {more:10.1}");
            points.push((f64::from(count), time));
        }
        lines.push((name, points));
    }
    if let Some(path) = std::env::var_os("VIRTC_PLOT") {
        draw(&PathBuf::from(path), &lines);
    }
}

/// Both axes are logarithmic: what is linear has the slope of the grid's diagonal.
fn draw(path: &std::path::Path, lines: &[(&str, Vec<(f64, f64)>)]) {
    let area = SVGBackend::new(path, (720, 480)).into_drawing_area();
    area.fill(&WHITE).unwrap();
    let mut chart = ChartBuilder::on(&area)
        .caption("XML to command line", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d((1.0..4000.0_f64).log_scale(), (0.01..1000.0_f64).log_scale())
        .unwrap();
    chart.configure_mesh().x_desc("devices of each kind").y_desc("milliseconds").draw().unwrap();
    for (index, (name, points)) in lines.iter().enumerate() {
        let colour = Palette99::pick(index).to_rgba();
        let line = LineSeries::new(points.clone(), colour.stroke_width(2)).point_size(3);
        chart
            .draw_series(line)
            .unwrap()
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
    }
    chart.configure_series_labels().position(SeriesLabelPosition::UpperLeft).border_style(BLACK).draw().unwrap();
    area.present().unwrap();
}
