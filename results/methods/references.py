"""BibTeX of what a run can use; a key is the first author and the year."""

from __future__ import annotations

import re
from collections.abc import Iterable

_ENTRIES = """
@article{pedregosa2011, author={Pedregosa, Fabian and others}, title={Scikit-learn: Machine Learning in {P}ython}, journal={Journal of Machine Learning Research}, volume={12}, pages={2825--2830}, year={2011}}
@inproceedings{paszke2019, author={Paszke, Adam and others}, title={{PyTorch}: An Imperative Style, High-Performance Deep Learning Library}, booktitle={Advances in Neural Information Processing Systems 32}, year={2019}, eprint={1912.01703}, archivePrefix={arXiv}}
@misc{cardoso2022, author={Cardoso, M. Jorge and others}, title={{MONAI}: An open-source framework for deep learning in healthcare}, year={2022}, eprint={2211.02701}, archivePrefix={arXiv}}
@misc{wightman2019, author={Wightman, Ross}, title={{PyTorch} Image Models}, year={2019}, doi={10.5281/zenodo.4414861}}
@article{lowekamp2013, author={Lowekamp, Bradley C. and Chen, David T. and Ib{\\'a}{\\~n}ez, Luis and Blezek, Daniel}, title={The Design of {SimpleITK}}, journal={Frontiers in Neuroinformatics}, volume={7}, pages={45}, year={2013}, doi={10.3389/fninf.2013.00045}}
@article{bradski2000, author={Bradski, Gary}, title={The {OpenCV} Library}, journal={Dr. Dobb's Journal of Software Tools}, year={2000}}
@article{harris2020, author={Harris, Charles R. and others}, title={Array programming with {NumPy}}, journal={Nature}, volume={585}, pages={357--362}, year={2020}, doi={10.1038/s41586-020-2649-2}}
@inproceedings{ke2017, author={Ke, Guolin and Meng, Qi and Finley, Thomas and Wang, Taifeng and Chen, Wei and Ma, Weidong and Ye, Qiwei and Liu, Tie-Yan}, title={{LightGBM}: A Highly Efficient Gradient Boosting Decision Tree}, booktitle={Advances in Neural Information Processing Systems 30}, year={2017}}
@inproceedings{chen2016, author={Chen, Tianqi and Guestrin, Carlos}, title={{XGBoost}: A Scalable Tree Boosting System}, booktitle={Proceedings of the 22nd ACM SIGKDD International Conference on Knowledge Discovery and Data Mining}, pages={785--794}, year={2016}, doi={10.1145/2939672.2939785}}
@article{lemaitre2017, author={Lema{\\^i}tre, Guillaume and Nogueira, Fernando and Aridas, Christos K.}, title={Imbalanced-learn: A {P}ython Toolbox to Tackle the Curse of Imbalanced Datasets in Machine Learning}, journal={Journal of Machine Learning Research}, volume={18}, number={17}, pages={1--5}, year={2017}}
@article{chawla2002, author={Chawla, Nitesh V. and Bowyer, Kevin W. and Hall, Lawrence O. and Kegelmeyer, W. Philip}, title={{SMOTE}: Synthetic Minority Over-sampling Technique}, journal={Journal of Artificial Intelligence Research}, volume={16}, pages={321--357}, year={2002}, doi={10.1613/jair.953}}
@article{nguyen2011, author={Nguyen, Hien M. and Cooper, Eric W. and Kamei, Katsuari}, title={Borderline over-sampling for imbalanced data classification}, journal={International Journal of Knowledge Engineering and Soft Data Paradigms}, year={2011}, doi={10.1504/IJKESDP.2011.039875}}
@article{king2001, author={King, Gary and Zeng, Langche}, title={Logistic Regression in Rare Events Data}, journal={Political Analysis}, year={2001}, doi={10.1093/oxfordjournals.pan.a004868}}
@article{tsamardinos2018, author={Tsamardinos, Ioannis and Greasidou, Elissavet and Borboudakis, Giorgos}, title={Bootstrapping the out-of-sample predictions for efficient and accurate cross-validation}, journal={Machine Learning}, volume={107}, year={2018}, doi={10.1007/s10994-018-5714-4}}
@article{romano2005, author={Romano, Joseph P. and Wolf, Michael}, title={Exact and Approximate Stepdown Methods for Multiple Hypothesis Testing}, journal={Journal of the American Statistical Association}, volume={100}, year={2005}, doi={10.1198/016214504000000539}}
@inproceedings{tan2019, author={Tan, Mingxing and Le, Quoc V.}, title={{EfficientNet}: Rethinking Model Scaling for Convolutional Neural Networks}, booktitle={Proceedings of the 36th International Conference on Machine Learning}, year={2019}, eprint={1905.11946}, archivePrefix={arXiv}}
@inproceedings{he2016, author={He, Kaiming and Zhang, Xiangyu and Ren, Shaoqing and Sun, Jian}, title={Deep Residual Learning for Image Recognition}, booktitle={IEEE Conference on Computer Vision and Pattern Recognition (CVPR)}, pages={770--778}, year={2016}, doi={10.1109/CVPR.2016.90}, eprint={1512.03385}, archivePrefix={arXiv}}
@article{russakovsky2015, author={Russakovsky, Olga and others}, title={{ImageNet} Large Scale Visual Recognition Challenge}, journal={International Journal of Computer Vision}, volume={115}, pages={211--252}, year={2015}, doi={10.1007/s11263-015-0816-y}}
@misc{chen2019, author={Chen, Sihong and Ma, Kai and Zheng, Yefeng}, title={{Med3D}: Transfer Learning for {3D} Medical Image Analysis}, year={2019}, eprint={1904.00625}, archivePrefix={arXiv}}
@misc{creswell2017, author={Creswell, Antonia and Arulkumaran, Kai and Bharath, Anil A.}, title={On denoising autoencoders trained to minimise binary cross-entropy}, year={2017}, eprint={1708.08487}, archivePrefix={arXiv}}
@inproceedings{ilse2018, author={Ilse, Maximilian and Tomczak, Jakub M. and Welling, Max}, title={Attention-based Deep Multiple Instance Learning}, booktitle={Proceedings of the 35th International Conference on Machine Learning}, pages={2127--2136}, year={2018}, eprint={1802.04712}, archivePrefix={arXiv}}
@inproceedings{loshchilov2019, author={Loshchilov, Ilya and Hutter, Frank}, title={Decoupled Weight Decay Regularization}, booktitle={International Conference on Learning Representations}, year={2019}, eprint={1711.05101}, archivePrefix={arXiv}}
@article{obuchowski1997, author={Obuchowski, Nancy A.}, title={Nonparametric Analysis of Clustered {ROC} Curve Data}, journal={Biometrics}, volume={53}, number={2}, pages={567--578}, year={1997}, doi={10.2307/2533958}}
@article{durkalski2003, author={Durkalski, Valerie L. and Palesch, Yuko Y. and Lipsitz, Stuart R. and Rust, Philip F.}, title={Analysis of clustered matched-pair data}, journal={Statistics in Medicine}, volume={22}, number={15}, pages={2417--2428}, year={2003}, doi={10.1002/sim.1438}}
@article{schuirmann1987, author={Schuirmann, Donald J.}, title={A comparison of the two one-sided tests procedure and the power approach for assessing the equivalence of average bioavailability}, journal={Journal of Pharmacokinetics and Biopharmaceutics}, volume={15}, pages={657--680}, year={1987}, doi={10.1007/BF01068419}}
@article{nadeau2003, author={Nadeau, Claude and Bengio, Yoshua}, title={Inference for the Generalization Error}, journal={Machine Learning}, volume={52}, pages={239--281}, year={2003}, doi={10.1023/A:1024068626366}}
@article{jiang2008, author={Jiang, Wenyu and Varma, Sudhir and Simon, Richard}, title={Calculating Confidence Intervals for Prediction Error in Microarray Classification Using Resampling}, journal={Statistical Applications in Genetics and Molecular Biology}, volume={7}, number={1}, year={2008}, doi={10.2202/1544-6115.1322}}
@inproceedings{kingma2014, author={Kingma, Diederik P. and Welling, Max}, title={Auto-Encoding Variational {B}ayes}, booktitle={International Conference on Learning Representations}, year={2014}, eprint={1312.6114}, archivePrefix={arXiv}}
@inproceedings{loshchilov2017, author={Loshchilov, Ilya and Hutter, Frank}, title={{SGDR}: Stochastic Gradient Descent with Warm Restarts}, booktitle={International Conference on Learning Representations}, year={2017}, eprint={1608.03983}, archivePrefix={arXiv}}
@article{haralick1973, author={Haralick, Robert M. and Shanmugam, K. and Dinstein, Its'hak}, title={Textural Features for Image Classification}, journal={IEEE Transactions on Systems, Man, and Cybernetics}, volume={SMC-3}, number={6}, pages={610--621}, year={1973}, doi={10.1109/TSMC.1973.4309314}}
@article{zwanenburg2020, author={Zwanenburg, Alex and Valli{\\`e}res, Martin and Abdalah, Mahmoud A. and others}, title={The Image Biomarker Standardization Initiative: Standardized Quantitative Radiomics for High-Throughput Image-based Phenotyping}, journal={Radiology}, volume={295}, number={2}, pages={328--338}, year={2020}, doi={10.1148/radiol.2020191145}}
@article{vanderwalt2014, author={van der Walt, St{\\'e}fan and others}, title={scikit-image: image processing in {P}ython}, journal={PeerJ}, volume={2}, pages={e453}, year={2014}, doi={10.7717/peerj.453}}
@inproceedings{myronenko2018, author={Myronenko, Andriy}, title={{3D} {MRI} Brain Tumor Segmentation Using Autoencoder Regularization}, booktitle={BrainLes, MICCAI}, year={2018}, eprint={1810.11654}, archivePrefix={arXiv}}
@article{isensee2021, author={Isensee, Fabian and Jaeger, Paul F. and Kohl, Simon A. A. and Petersen, Jens and Maier-Hein, Klaus H.}, title={{nnU-Net}: a self-configuring method for deep learning-based biomedical image segmentation}, journal={Nature Methods}, volume={18}, pages={203--211}, year={2021}, doi={10.1038/s41592-020-01008-z}}
@misc{nibali2018, author={Nibali, Aiden and He, Zhen and Morgan, Stuart and Prendergast, Luke}, title={Numerical Coordinate Regression with Convolutional Neural Networks}, year={2018}, eprint={1801.07372}, archivePrefix={arXiv}}
@misc{smith2017, author={Smith, Leslie N. and Topin, Nicholay}, title={Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates}, year={2017}, eprint={1708.07120}, archivePrefix={arXiv}}
@inproceedings{liu2022, author={Liu, Zhuang and Mao, Hanzi and Wu, Chao-Yuan and Feichtenhofer, Christoph and Darrell, Trevor and Xie, Saining}, title={A {ConvNet} for the 2020s}, booktitle={IEEE/CVF Conference on Computer Vision and Pattern Recognition}, year={2022}, eprint={2201.03545}, archivePrefix={arXiv}}
@inproceedings{huang2017, author={Huang, Gao and Liu, Zhuang and van der Maaten, Laurens and Weinberger, Kilian Q.}, title={Densely Connected Convolutional Networks}, booktitle={IEEE Conference on Computer Vision and Pattern Recognition}, year={2017}, eprint={1608.06993}, archivePrefix={arXiv}}
@inproceedings{tan2021, author={Tan, Mingxing and Le, Quoc V.}, title={{EfficientNetV2}: Smaller Models and Faster Training}, booktitle={Proceedings of the 38th International Conference on Machine Learning}, year={2021}, eprint={2104.00298}, archivePrefix={arXiv}}
@article{tustison2010, author={Tustison, Nicholas J. and others}, title={{N4ITK}: Improved {N3} Bias Correction}, journal={IEEE Transactions on Medical Imaging}, volume={29}, number={6}, pages={1310--1320}, year={2010}, doi={10.1109/TMI.2010.2046908}}
@inproceedings{kingma2015, author={Kingma, Diederik P. and Ba, Jimmy}, title={Adam: A Method for Stochastic Optimization}, booktitle={International Conference on Learning Representations}, year={2015}, eprint={1412.6980}, archivePrefix={arXiv}}
@article{troyanskaya2001, author={Troyanskaya, Olga and others}, title={Missing value estimation methods for {DNA} microarrays}, journal={Bioinformatics}, volume={17}, number={6}, pages={520--525}, year={2001}, doi={10.1093/bioinformatics/17.6.520}}
@article{hoerl1970, author={Hoerl, Arthur E. and Kennard, Robert W.}, title={Ridge Regression: Biased Estimation for Nonorthogonal Problems}, journal={Technometrics}, volume={12}, number={1}, pages={55--67}, year={1970}, doi={10.1080/00401706.1970.10488634}}
@inproceedings{wu2018, author={Wu, Mike and Goodman, Noah}, title={Multimodal Generative Models for Scalable Weakly-Supervised Learning}, booktitle={Advances in Neural Information Processing Systems 31}, year={2018}, eprint={1802.05335}, archivePrefix={arXiv}}
@article{stekhoven2012, author={Stekhoven, Daniel J. and B{\\"u}hlmann, Peter}, title={{MissForest}---non-parametric missing value imputation for mixed-type data}, journal={Bioinformatics}, volume={28}, number={1}, pages={112--118}, year={2012}, doi={10.1093/bioinformatics/btr597}}
@article{chang2011, author={Chang, Chih-Chung and Lin, Chih-Jen}, title={{LIBSVM}: A library for support vector machines}, journal={ACM Transactions on Intelligent Systems and Technology}, volume={2}, number={3}, year={2011}, doi={10.1145/1961189.1961199}}
@incollection{platt1999, author={Platt, John C.}, title={Probabilistic Outputs for Support Vector Machines and Comparisons to Regularized Likelihood Methods}, booktitle={Advances in Large Margin Classifiers}, publisher={MIT Press}, pages={61--74}, year={1999}}
@inproceedings{guo2017, author={Guo, Chuan and Pleiss, Geoff and Sun, Yu and Weinberger, Kilian Q.}, title={On Calibration of Modern Neural Networks}, booktitle={Proceedings of the 34th International Conference on Machine Learning}, year={2017}, eprint={1706.04599}, archivePrefix={arXiv}}
@article{breiman1996, author={Breiman, Leo}, title={Bagging Predictors}, journal={Machine Learning}, volume={24}, pages={123--140}, year={1996}, doi={10.1007/BF00058655}}
@inproceedings{frank2004, author={Frank, Eibe and Kramer, Stefan}, title={Ensembles of nested dichotomies for multi-class problems}, booktitle={Proceedings of the 21st International Conference on Machine Learning}, year={2004}, doi={10.1145/1015330.1015363}}
@inproceedings{williams2000, author={Williams, Christopher K. I. and Seeger, Matthias}, title={Using the {N}ystr{\\"o}m Method to Speed Up Kernel Machines}, booktitle={Advances in Neural Information Processing Systems 13}, year={2000}}
@incollection{zuiderveld1994, author={Zuiderveld, Karel}, title={Contrast Limited Adaptive Histogram Equalization}, booktitle={Graphics Gems IV}, publisher={Academic Press}, pages={474--485}, year={1994}}
@article{perezgarcia2021, author={P{\\'e}rez-Garc{\\'i}a, Fernando and Sparks, Rachel and Ourselin, S{\\'e}bastien}, title={{TorchIO}: a {P}ython library for efficient loading, preprocessing, augmentation and patch-based sampling of medical images in deep learning}, journal={Computer Methods and Programs in Biomedicine}, volume={208}, pages={106236}, year={2021}, doi={10.1016/j.cmpb.2021.106236}}
@inproceedings{cardoso2015, author={Cardoso, M. Jorge and Modat, Marc and Vercauteren, Tom and Ourselin, S{\\'e}bastien}, title={Scale Factor Point Spread Function Matching: Beyond Aliasing in Image Resampling}, booktitle={Medical Image Computing and Computer-Assisted Intervention (MICCAI)}, year={2015}, doi={10.1007/978-3-319-24571-3_81}}
@article{vandergraaf2024, author={van der Graaf, Jasper W. and van Hooff, Miranda L. and Buckens, Constantinus F. M. and Rutten, Matthieu and van Susante, Job L. C. and Kroeze, Robert Jan and de Kleuver, Marinus and van Ginneken, Bram and Lessmann, Nikolas}, title={Lumbar spine segmentation in {MR} images: a dataset and a public benchmark}, journal={Scientific Data}, volume={11}, year={2024}, doi={10.1038/s41597-024-03090-w}}
@misc{richards2024, author={Richards, Tyler and others}, title={{RSNA} 2024 Lumbar Spine Degenerative Classification}, howpublished={Kaggle competition}, year={2024}}
@article{yang2023, author={Yang, Jiancheng and others}, title={{MedMNIST} v2: A large-scale lightweight benchmark for {2D} and {3D} biomedical image classification}, journal={Scientific Data}, volume={10}, pages={41}, year={2023}, doi={10.1038/s41597-022-01721-8}}
@article{field2007, author={Field, Christopher A. and Welsh, Alan H.}, title={Bootstrapping clustered data}, journal={Journal of the Royal Statistical Society: Series B}, volume={69}, number={3}, pages={369--390}, year={2007}, doi={10.1111/j.1467-9868.2007.00593.x}}
@article{phipson2010, author={Phipson, Belinda and Smyth, Gordon K.}, title={Permutation P-values Should Never Be Zero: Calculating Exact P-values When Permutations Are Randomly Drawn}, journal={Statistical Applications in Genetics and Molecular Biology}, volume={9}, number={1}, year={2010}, doi={10.2202/1544-6115.1585}}
"""  # noqa: E501

BIBTEX: dict[str, str] = {
    line.partition("{")[2].partition(",")[0]: re.sub(r", (\w+)=\{(.*?)\}(?=, \w+=|\}$)", r",\n  \1={\2}", line)
    for line in _ENTRIES.strip().splitlines()
}
"""Each entry by its key."""


def bibtex(keys: Iterable[str]) -> str:
    """The entries of some keys, each once, in alphabetical order.

    Raises:
        KeyError: There is no such entry.
    """
    return "\n\n".join(BIBTEX[key] for key in sorted(set(keys)))
