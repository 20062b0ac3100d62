#!/bin/sh
# Runs the job on the cluster; the last line that it prints is the output.
set -eu
export SPARK_HOME="$spark_home" SPARK_CONF_DIR="$place/conf" SPARK_LOCAL_IP="$address" PYSPARK_PYTHON=python3
"$spark_home/bin/spark-submit" --master "$master_url" --driver-memory 512m --executor-memory 512m \
  --conf spark.driver.host="$address" job.py 2>job.log || { tail -20 job.log >&2; exit 1; }
