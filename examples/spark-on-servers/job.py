"""Counts words on all workers."""

from pyspark.sql import SparkSession

spark = SparkSession.builder.appName("count").getOrCreate()
lines = spark.sparkContext.parallelize(["one two", "two three", "three three"] * 1000, 8)
counts = dict(lines.flatMap(str.split).countByValue())
print("counted=" + " ".join(f"{word}:{counts[word]}" for word in sorted(counts)))
spark.stop()
