import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.MessageFormatter;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Writes and reads records with Kafka's own client, so that tests compare with what other programs see.
 * Serves requests from stdin until it ends, one after the other; `kafka-tool.ts` sends them. Fields are
 * separated by tabs, bytes are Base64, null is `-`:
 *
 *   consume TOPIC MILLISECONDS name=value...    all records up to the end, as it is at the start; waits
 *                                               so long for open transactions to end
 *   create TOPIC PARTITIONS name=value... -- name=value...
 *                                               makes a topic; its own settings come after the dashes
 *   produce name=value...                       does what the lines up to `end` say
 *
 * The answer is lines, then `done`, or `failed` and a message.
 */
public final class KafkaTool {
  private static final String NULL = "-";
  private static final Duration POLL = Duration.ofMillis(100);

  public static void main(String[] args) throws IOException {
    var out = new PrintStream(new FileOutputStream(FileDescriptor.out), false, UTF_8);
    System.setOut(System.err); // Where Kafka logs to.
    var in = new BufferedReader(new InputStreamReader(System.in, UTF_8));
    for (var line = in.readLine(); line != null; line = in.readLine()) {
      var fields = line.split("\t", -1);
      var input = fields[0].equals("produce") ? linesToEnd(in) : List.<String>of();
      try {
        switch (fields[0]) {
          case "consume" -> consume(fields, out);
          case "create" -> create(fields);
          case "produce" -> produce(input, settings(fields, 1), out);
          default -> throw new IllegalArgumentException("no such request");
        }
        out.append("done\n").flush();
      } catch (Exception error) {
        var text = new StringWriter();
        error.printStackTrace(new PrintWriter(text));
        out.append("failed\t" + encode(text.toString().getBytes(UTF_8)) + "\n").flush();
      }
    }
  }

  private static List<String> linesToEnd(BufferedReader in) throws IOException {
    var lines = new ArrayList<String>();
    for (var line = in.readLine(); !line.equals("end"); line = in.readLine()) lines.add(line);
    return lines;
  }

  /** Up to the end, or to two dashes. */
  private static Properties settings(String[] fields, int from) {
    var settings = new Properties();
    for (int i = from; i < fields.length && !fields[i].equals("--"); i++) {
      var equals = fields[i].indexOf('=');
      settings.put(fields[i].substring(0, equals), fields[i].substring(equals + 1));
    }
    return settings;
  }

  private static void create(String[] fields) throws Exception {
    var config = new HashMap<String, String>();
    var dashes = Arrays.asList(fields).indexOf("--");
    settings(fields, dashes + 1).forEach((name, value) -> config.put("" + name, "" + value));
    var topic = new NewTopic(fields[1], Integer.parseInt(fields[2]), (short) -1).configs(config);
    try (var admin = Admin.create(settings(fields, 3))) {
      admin.createTopics(List.of(topic)).all().get();
    }
  }

  private static void consume(String[] fields, PrintStream out) throws Exception {
    var topic = fields[1];
    var decode = new ByteArrayDeserializer();
    try (var consumer = new KafkaConsumer<>(settings(fields, 3), decode, decode)) {
      var partitions = new ArrayList<TopicPartition>();
      for (var info : consumer.partitionsFor(topic)) {
        partitions.add(new TopicPartition(topic, info.partition()));
      }
      if (partitions.isEmpty()) throw new IllegalArgumentException("there is no topic " + topic);
      waitForTransactions(consumer, partitions, fields);
      // The last stable offsets, when only committed records are read.
      var ends = consumer.endOffsets(partitions);
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      while (partitions.stream().anyMatch(each -> consumer.position(each) < ends.get(each))) {
        for (var record : consumer.poll(POLL)) {
          if (record.offset() < ends.get(new TopicPartition(topic, record.partition()))) {
            write(record, out);
          }
        }
      }
    }
  }

  /** A broker answers that a transaction has ended before it has marked the end in all partitions. */
  private static void waitForTransactions(
      KafkaConsumer<?, ?> consumer, List<TopicPartition> partitions, String[] fields)
      throws InterruptedException {
    var settings = settings(fields, 3);
    settings.put("isolation.level", "read_uncommitted");
    var decode = new ByteArrayDeserializer();
    var deadline = System.nanoTime() + Long.parseLong(fields[2]) * 1_000_000;
    try (var uncommitted = new KafkaConsumer<>(settings, decode, decode)) {
      var written = uncommitted.endOffsets(partitions);
      while (System.nanoTime() < deadline) {
        var stable = consumer.endOffsets(partitions);
        if (partitions.stream().allMatch(each -> stable.get(each) >= written.get(each))) return;
        Thread.sleep(20);
      }
    }
  }

  /** For the console consumer: `--formatter KafkaTool$Lines`. */
  public static final class Lines implements MessageFormatter {
    @Override
    public void writeTo(ConsumerRecord<byte[], byte[]> record, PrintStream out) {
      write(record, out);
    }
  }

  private static void write(ConsumerRecord<byte[], byte[]> record, PrintStream out) {
    var line = new StringBuilder();
    line.append(record.partition()).append('\t').append(record.offset());
    line.append('\t').append(record.timestampType()).append('\t').append(record.timestamp());
    line.append('\t').append(encode(record.key())).append('\t').append(encode(record.value()));
    for (var header : record.headers()) {
      line.append('\t').append(encode(header.key().getBytes(UTF_8)));
      line.append('\t').append(encode(header.value()));
    }
    out.append(line.append('\n'));
  }

  /**
   * A line is `begin`, `commit`, `abort`, `hang` (leaves the transaction open, as a process that dies),
   * or a record: topic, partition or `-`, timestamp or `-`, key, value, then names and values of headers.
   */
  private static void produce(List<String> lines, Properties settings, PrintStream out)
      throws Exception {
    var encode = new ByteArraySerializer();
    var sent = new ArrayList<Future<RecordMetadata>>();
    var producer = new KafkaProducer<byte[], byte[]>(settings, encode, encode);
    try {
      if (settings.containsKey("transactional.id")) producer.initTransactions();
      for (String line : lines) {
        switch (line) {
          case "begin" -> producer.beginTransaction();
          case "commit" -> producer.commitTransaction();
          case "abort" -> {
            // Else the records could still be here, and nothing of them in the topic.
            producer.flush();
            producer.abortTransaction();
          }
          case "hang" -> producer.flush();
          default -> sent.add(producer.send(record(line)));
        }
      }
      producer.flush();
      for (var each : sent) {
        var metadata = each.get();
        out.append(metadata.partition() + "\t" + metadata.offset() + "\n");
      }
    } finally {
      // At once: a close that takes its time aborts the open transaction.
      producer.close(Duration.ZERO);
    }
  }

  private static ProducerRecord<byte[], byte[]> record(String line) {
    var fields = line.split("\t", -1);
    var partition = fields[1].equals(NULL) ? null : Integer.valueOf(fields[1]);
    var timestamp = fields[2].equals(NULL) ? null : Long.valueOf(fields[2]);
    var record =
        new ProducerRecord<>(fields[0], partition, timestamp, decode(fields[3]), decode(fields[4]));
    for (int i = 5; i < fields.length; i += 2) {
      var name = new String(decode(fields[i]), UTF_8);
      record.headers().add(name, decode(fields[i + 1]));
    }
    return record;
  }

  private static String encode(byte[] bytes) {
    return bytes == null ? NULL : Base64.getEncoder().encodeToString(bytes);
  }

  private static byte[] decode(String field) {
    return field.equals(NULL) ? null : Base64.getDecoder().decode(field);
  }
}
