"""Names that YOLOX, Ultralytics and other trainers use, and what they are called here.

Nothing is converted: where the unit differs, the answer says so, and the user gives the value.
"""

# A recipe field of another name and the same meaning.
RENAMED_FIELDS = {
    "imgsz": "image_size",
    "img_size": "image_size",
    "tsize": "image_size",
    "input_size": "image_size",
    "max_epoch": "epochs",
    "max_epochs": "epochs",
    "num_epochs": "epochs",
    "batch": "batch_size",
    "learning_rate": "lr",
    "wd": "weight_decay",
    "data_num_workers": "workers",
    "num_workers": "workers",
    "fliplr": "flip_prob",
    "names": "classes",
    "class_names": "classes",
    "nmsthre": "nms_iou",
    "nms_threshold": "nms_iou",
    "iou": "nms_iou",
    "test_conf": "score_threshold",
    "conf_threshold": "score_threshold",
    "mosaic": "mosaic_prob",
    "clip_grad": "grad_clip",
    "max_grad_norm": "grad_clip",
    "sync_bn": "sync_batchnorm",
    "val_interval": "eval_interval",
    "exp_name": "name",
    "opt": "optimizer",
    "val_split": "val_fraction",
    "val_ratio": "val_fraction",
    "validation_split": "val_fraction",
}
# An option of a command: what to type.
OPTIONS = {
    "device": "--device NAME",
    "devices": "-d NUMBER of processes, or --device NAME",
    "resume": "--resume",
    "conf": "--conf VALUE in eval and predict",
    "nms": "--nms VALUE in eval and predict",
    "cache": "--cache auto, ram, disk or off",
    "weights": "-c FILE",
    "ckpt": "-c FILE",
    "checkpoint": "-c FILE",
    "pretrained": "-c FILE, or -c none for random weights",
    "exp_file": "-f FILE",
    "cfg": "-f FILE, an experiment",
    "model": "-f NAME, an experiment, with weights from -c FILE",
    "source": "the pictures' paths themselves, without an option, in predict",
    "path": "the pictures' paths themselves, without an option, in predict",
    "split": "--split NAME in eval",
    "logger": "--tracker NAME",
    "project": "-o FOLDER, which names the run's folder as a whole",
    "save_dir": "-o FOLDER",
    "output_dir": "-o FOLDER",
    "exist_ok": "-o FOLDER; a folder that holds a run is never overwritten",
    "expn": "-o FOLDER, or the recipe field name, as in: name NAME",
    "experiment_name": "-o FOLDER, or the recipe field name, as in: name NAME",
    "compile": "--compile",
    "profile": "the command table speed",
    "speed": "the command table speed",
    "occupy": "nothing: no memory is reserved ahead",
    "save_result": "nothing: predict always saves its pictures, into -o FOLDER",
    "save_json": "--save-detections FILE in eval, --save coco in predict",
    "save_txt": "--save yolo in predict",
    "save_crop": "--save crops in predict",
    "max_det": "--max NUMBER in predict",
    "show": "--show in predict",
    "camid": "the number of the camera, as in: predict 0",
    "plots": "nothing: a run ends with its report, unless --no-report",
    "legacy": "-c coco_legacy; how other weights were normalised is found out from the file",
}
# Another unit or another meaning: what comes nearest.
NEAREST = {
    "lr0": "the learning rate is the recipe field lr, for a batch of 16 and scaled with batch_size",
    "basic_lr_per_img": "the learning rate is the recipe field lr, for a batch of 16: YOLOX's "
    "basic_lr_per_img times 16",
    "lrf": "the cosine ends at the recipe field min_lr_ratio, a share of the learning rate",
    "warmup_epochs": "the warm-up is the recipe field warmup_fraction, a share of all steps, or "
    "warmup_steps, a number of steps",
    "close_mosaic": "the epochs without mosaic are the recipe field final_fraction, a share of all "
    "epochs",
    "no_aug_epochs": "the epochs without mosaic are the recipe field final_fraction, a share of "
    "all epochs",
    "test_size": "the recipe field image_size is the size in training and evaluation; eval takes "
    "another one, as in --image-size 480,640",
    "multiscale_range": "training sizes vary by the recipe field multiscale, a share of the height",
    "random_size": "training sizes vary by the recipe field multiscale, a share of the height",
    "multi_scale": "training sizes vary by the recipe field multiscale, a share of the height",
    "scale": "the zoom of a mosaic is the recipe field mosaic_scale, two numbers, as in 0.5,1.5",
    "hsv_h": "colours vary by YOLOX's amounts, with the probability in the recipe field hsv_prob",
    "hsv_s": "colours vary by YOLOX's amounts, with the probability in the recipe field hsv_prob",
    "hsv_v": "colours vary by YOLOX's amounts, with the probability in the recipe field hsv_prob",
    "cls_pw": "rare classes get larger weights by the recipe field class_weights, as in: "
    "class_weights balanced",
    "freeze_layers": "the recipe field freeze takes names of modules, as in: freeze "
    "backbone.backbone",
    "freeze_backbone": "the recipe field freeze takes names of modules, as in: freeze "
    "backbone.backbone; freeze_backbone_steps freezes the backbone for a number of steps",
    "ema": "weights are always averaged; the recipe fields ema_decay and ema_ramp say how",
    "amp": "mixed precision is --precision fp16 or bf16",
    "fp16": "half precision is --precision fp16",
    "half": "half precision is --precision fp16",
    "fuse": "eval always folds BatchNorm into the convolutions, unless --plain is given",
    "num_classes": "the number of classes follows from their names: the recipe field classes, as "
    "in classes cat,dog",
    "nc": "the number of classes follows from their names: the recipe field classes, as in "
    "classes cat,dog",
    "single_cls": "the recipe field classes names the classes, of which there may be one",
    "data": "the data are the option --data PATH, a folder or a data.yaml",
    "data_dir": "the data are the option --data PATH, a folder or file",
    "rect": "eval has --rectangular; training has no such option",
    "print_interval": "progress is shown continuously, or once per epoch if it goes to a file",
    "save_history_ckpt": "a run keeps best.pth and last.pth",
    "save_period": "a run keeps best.pth and last.pth, and its state for --resume",
    "start_epoch": "--resume continues a run where it stopped",
    "num_machines": "several machines are used through torchrun or accelerate launch",
    "machine_rank": "several machines are used through torchrun or accelerate launch",
    "dist_url": "several machines are used through torchrun or accelerate launch",
    "dist_backend": "several machines are used through torchrun or accelerate launch",
    "betas": "AdamW's first beta is the recipe field momentum, its second one is 0.999",
    "cos_lr": "the learning rate always follows a cosine down to the recipe field min_lr_ratio",
    "scheduler": "the learning rate always follows a cosine down to the recipe field min_lr_ratio",
    "depth": "the recipe field size names depth and width: nano, tiny, s, m, l or x",
    "width": "the recipe field size names depth and width: nano, tiny, s, m, l or x",
}
NOT_SUPPORTED = {
    "mixup": "there is no mixup, as in the paper",
    "enable_mixup": "there is no mixup, as in the paper",
    "mixup_prob": "there is no mixup, as in the paper",
    "mixup_scale": "there is no mixup, as in the paper",
    "cutmix": "there is no cutmix",
    "copy_paste": "there is no copy-paste augmentation",
    "flipud": "there are no vertical flips",
    "perspective": "there is no perspective transformation",
    "erasing": "there is no random erasing",
    "dropout": "the network has no dropout",
    "label_smoothing": "there is no label smoothing",
    "act": "the activation is always SiLU",
    "augment": "there is no test-time augmentation; where training samples are rendered is "
    "--augment in train",
    "trt": "TensorRT is not used",
    "evolve": "there is no search for hyperparameters",
}
FOREIGN = {*RENAMED_FIELDS, *OPTIONS, *NEAREST, *NOT_SUPPORTED}


def answer(name: str) -> str:
    """What a name from elsewhere is called here, in a phrase; empty for a name of nowhere."""
    if name.endswith((".yaml", ".yml")):
        return f"a data.yaml is given as --data {name}, an experiment as -f FILE.py"
    if name in RENAMED_FIELDS:
        field = RENAMED_FIELDS[name]
        return f"it is called {field} here, a field of the recipe: {field} VALUE"
    if name in OPTIONS:
        return f"instead, use {OPTIONS[name]}".replace("instead, use nothing: ", "not needed: ")
    if name in NEAREST:
        return NEAREST[name]
    return f"not supported: {NOT_SUPPORTED[name]}" if name in NOT_SUPPORTED else ""
